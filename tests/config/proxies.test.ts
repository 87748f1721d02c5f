// Proxies in server.yml: what would send tokens in the clear, or believe whoever asks, is refused with what to write.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { addToServerYml, load, newHome } from './new-home.ts';

test.each([
  [
    'plain_http: 0.0.0.0:8080',
    /plain_http: wants an address of this machine.*tokens would cross a network in the clear/,
  ],
  ['plain_http: 192.168.1.5:8080', /in the clear/],
  ['plain_http: "[::]:8080"', /in the clear/],
  ['plain_http: localhost:8080', /in the clear/],
  ['plain_http: 127.0.0.1', /in the clear/],
  ['plain_http: 127.0.0.1:70000', /in the clear/],
  ['plain_http: 8080', /plain_http: wants an address of this machine/],
  ['plain_http: "unix:"', /in the clear/],
  ['plain_http: 127.0.0.1:8080', /come from 127\.0\.0\.1, which trust_proxy does not list; write "trust_proxy: \[127/],
  ['plain_http: unix:data/http.sock\ntrust_proxy: [10.0.0.5]', /come from 127\.0\.0\.1, which trust_proxy does not/],
  ['plain_http: "[::1]:8080"\ntrust_proxy: [127.0.0.1]', /come from ::1, which trust_proxy does not list/],
  ['proxy_protocol: true', /trust_proxy names no proxy that may speak it; list the addresses/],
  ['proxy_protocol: yes please', /proxy_protocol: wants true or false/],
])('%j is refused', async (lines, message) => {
  const home = await newHome();
  addToServerYml(home, lines);
  expect(() => load(home)).toThrow(message);
});

test.each([
  ['plain_http: 127.0.0.1:8080\ntrust_proxy: [127.0.0.0/8]', { kind: 'port', host: '127.0.0.1', port: 8080 }],
  ['plain_http: "[::1]:80"\ntrust_proxy: ["::1"]', { kind: 'port', host: '::1', port: 80 }],
  ['plain_http: unix:/run/otter.sock\ntrust_proxy: [127.0.0.1]', { kind: 'socket', path: '/run/otter.sock' }],
])('%j is taken', async (lines, plainHttp) => {
  const home = await newHome();
  addToServerYml(home, lines);
  expect(load(home).config.proxies).toMatchObject({ plainHttp, speakProxyProtocol: false });
});

test('the path of a socket begins at the home', async () => {
  const home = await newHome();
  addToServerYml(home, 'plain_http: unix:data/http.sock\ntrust_proxy: [127.0.0.1]\nproxy_protocol: true');
  expect(load(home).config.proxies).toMatchObject({
    plainHttp: { kind: 'socket', path: join(home, 'data/http.sock') },
    speakProxyProtocol: true,
  });
});
