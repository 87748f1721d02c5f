// A server process of its own whose clock and ticks come from the test that forked it:
// node ticking-server.ts HOME DATABASE_URL, then messages {nowMs} and {nowMs, tick: number}.

import { pino } from 'pino';
import { startServer } from '#server/main.ts';

export type ToServer = { readonly nowMs: number; readonly tick?: number };
export type FromServer = { readonly port: number } | { readonly ticked: number };

const [home = '', database = ''] = process.argv.slice(2);
let nowMs = Number(process.env['OTTER_TEST_NOW_MS']);
const running = await startServer({
  home,
  port: 0,
  env: { OTTER_HOST: '127.0.0.1', OTTER_DATABASE: database },
  log: () => pino({ level: 'error' }, pino.destination(2)),
  clock: () => nowMs,
});
const tell = (message: FromServer): void => void process.send?.(message);
process.on('message', (message: ToServer) => {
  ({ nowMs } = message);
  const { tick } = message;
  if (tick !== undefined) void running.tick().then(() => tell({ ticked: tick }));
});
tell({ port: running.port });
