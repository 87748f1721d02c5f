// Connections of the pinned client between two requests: a server closes one that nobody uses, and a program that was busy does not know yet.

import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { PinnedAgent, requestPinned } from '#protocol/pinned-https.ts';
import { createSelfSigned } from '#server/certs/self-signed.ts';
import { readCertificate } from '#server/certs/certificate.ts';

/** A server of its own thread: it works while the thread of the test stands still. It keeps a connection for two seconds. */
const SERVER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const server = require('node:https').createServer(
    { ...workerData, keepAliveTimeout: 2000, keepAliveTimeoutBuffer: 0 },
    (request, response) => request.resume().on('end', () => response.end('heard')),
  );
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

test('a question after the program was busy for longer than the server keeps a connection is answered', async () => {
  const { certPem, keyPem } = await createSelfSigned({ hosts: ['127.0.0.1'], nowMs: Date.now(), validYears: 1 });
  const worker = new Worker(SERVER, { eval: true, workerData: { cert: certPem, key: keyPem } });
  onTestFinished(async () => void (await worker.terminate()));
  const [port] = await once(worker, 'message');
  const agent = new PinnedAgent({ kind: 'spki', sha256: readCertificate(certPem).spkiPin });
  onTestFinished(() => agent.destroy());
  const url = new URL(`https://127.0.0.1:${port}/`);
  const ask = async (): Promise<string> =>
    (await requestPinned({ method: 'POST', url, agent, body: 'something' })).body.toString();
  expect(await ask()).toBe('heard');
  // The connection waits for the next request.
  await setImmediate();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500);
  expect(await ask()).toBe('heard');
});
