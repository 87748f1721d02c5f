// A connection that nothing came on for a time is closed; what came in time is answered, also where the server itself was held up and
// finds both at once: a disk that stalls, a machine with much to do.

import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import tls from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { CONNECTION_LIMITS } from '#server/http/front/listening-limits.ts';
import { startTestServer } from '../../support/server/server.ts';

/** No code of this process runs meanwhile: the server of the test stands still. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

const QUESTION = 'GET /healthz HTTP/1.1\r\nhost: otter\r\n\r\n';

test('a question that came before the time was over is answered, however late the server looks', async () => {
  const server = await startTestServer();
  onTestFinished(async () => server.end());
  const socket = tls.connect({ port: Number(server.url.port), host: '127.0.0.1', rejectUnauthorized: false });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  let said = '';
  socket.setEncoding('utf8').on('data', (text: string) => (said += text));
  socket.on('error', (error) => (said += String(error)));
  const answers = (): number => said.split('HTTP/1.1 200').length - 1;
  socket.write(QUESTION);
  await expect.poll(answers).toBe(1);
  // From here the server looks at its timers first, and only then at what came.
  await setImmediate();
  socket.write(QUESTION);
  standStill(CONNECTION_LIMITS.keepAliveTimeout + 2_000);
  await expect.poll(() => said).toMatch(/HTTP\/1.1 200[^]*HTTP\/1.1 200/);
  await once(socket, 'close');
  expect(answers()).toBe(2);
});
