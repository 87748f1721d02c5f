// Boards that report while the database is in trouble: each says everything again until it is answered, as a real one does.

import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Answered } from '../../support/server/client.ts';
import type { ServerProcess } from '../../support/server/process.ts';

export interface Outcome {
  readonly device: string;
  readonly assignmentId: number;
  /** Of the last report that was answered. */
  readonly sequence: number;
  readonly refused: number;
}

/** Takes an offer and reports on it, at least once, and each report again until it is answered. */
export async function reportWhile(server: ServerProcess, device: string, goesOn: () => boolean): Promise<Outcome> {
  let refused = 0;
  const insist = async (request: () => Promise<Answered>): Promise<Answered['body']> => {
    for (;;) {
      const { status, body } = await request();
      if (status === 200) return body;
      expect({ status, body }).toMatchObject({ status: 503, body: { error: { code: 'unavailable' } } });
      refused += 1;
      await delay(20);
    }
  };
  const assignmentId = Number((await insist(async () => check(server, device)))['assignment_id']);
  let sequence = 0;
  do {
    sequence += 1;
    const report = { mac: device, assignment_id: assignmentId, sequence, status: 'downloading' };
    await insist(async () => server.device('report-status', report));
  } while (goesOn());
  return { device, assignmentId, sequence, refused };
}

/** What was answered is there: said once more, it is known. */
export async function expectKept(server: ServerProcess, outcomes: readonly Outcome[]): Promise<void> {
  for (const { device, assignmentId, sequence } of outcomes) {
    const again = { mac: device, assignment_id: assignmentId, sequence, status: 'downloading' };
    expect(await server.device('report-status', again)).toMatchObject({ status: 200, body: { duplicate: true } });
  }
}

export async function check(server: ServerProcess, device: string): Promise<Answered> {
  return server.device('check-update', { mac: device, current_version: '1.0.0' });
}
