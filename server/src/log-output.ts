// Where log lines go: to a program as JSON lines, or to a person as text.

import { type DestinationStream, pino } from 'pino';
import { escapeUnseen } from '#protocol/unseen.ts';
import { prettyLine } from './pretty-log.ts';

/** How long a log line may stay in memory. */
const LOG_FLUSH_MS = 1_000;

/** Log lines are written this many bytes at a time under load: each write wakes a thread. Below what pino writes at once (16 KiB). */
const LOG_BUFFER_BYTES = 15_360;

/** Log lines that cannot be written are kept up to this many bytes, then dropped: a full disk must not fill the memory too. */
const LOG_BACKLOG_BYTES = 4 * 1024 * 1024;

export interface LogOutput {
  readonly stream: DestinationStream;
  /** Never rejects: what cannot be written by now is lost. */
  readonly flush: () => Promise<void>;
}

/**
 * Buffered: a write per request would cost more than the request. Lost at most: the last second, and only on a crash.
 * `descriptor` is where the lines go: standard output.
 */
export function lineOutput(descriptor = 1): LogOutput {
  const stream = pino.destination({
    dest: descriptor,
    sync: false,
    minLength: LOG_BUFFER_BYTES,
    maxLength: LOG_BACKLOG_BYTES,
  });
  const write = stream.write.bind(stream);
  stream.write = (line) => write(escapeUnseen(line));
  // A disk that is full or a terminal that is gone is no reason to end; the lines are tried again.
  stream.on('error', () => undefined);
  setInterval(() => stream.flush(), LOG_FLUSH_MS).unref();
  return {
    stream,
    flush: async () => {
      // Twice: where a write is under way, the first one ends with that write, and what came after it is still in memory.
      await new Promise<void>((resolve) => stream.flush(() => resolve()));
      await new Promise<void>((resolve) => stream.flush(() => resolve()));
      // pino calls it when the process ends, and it tries for ever where the output takes nothing.
      stream.flushSync = () => undefined;
    },
  };
}

/** Written at once: a person looks on. */
export function prettyOutput(): LogOutput {
  const destination = pino.destination({ sync: true });
  destination.on('error', () => undefined);
  const color = process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === '';
  return {
    stream: { write: (line) => void destination.write(prettyLine(line, { color })) },
    flush: async () => undefined,
  };
}
