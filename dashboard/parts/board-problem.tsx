// A board that fails to get in, with the likely cause. A browser that does not know the certificate looks like one: that of whoever looks is told
// apart where it can be.

import type { ReactNode } from 'react';
import { sentence } from '#dashboard/data/queries.ts';
import type { BoardProblem } from '#protocol/admin/boards.ts';
import type { Session } from '#protocol/sessions.ts';
import { Note } from './note.tsx';
import { Ago } from './time.tsx';
import { count } from './words.ts';

interface BoardProblemNoteProps {
  readonly problem: BoardProblem;
  /** All that are logged in; undefined while that is not known. */
  readonly sessions: readonly Session[] | undefined;
}

export function BoardProblemNote({ problem, sessions }: BoardProblemNoteProps): ReactNode {
  const { kind, mac, address, times, last_at: last, text, cause } = problem;
  const own = sessions?.find((session) => session.own)?.address;
  const counted = (
    <>
      {times === 1 ? 'once' : `${count(times)} times`}, last <Ago at={last} />
    </>
  );
  if (kind === 'certificate' && mac === null && address === own)
    return (
      <Note>
        <b>{address}, the address of your browser,</b> refused the certificate {counted}. A browser that was not told to
        trust it does, and goes on. A board behind the same address would have the pin of another server.
      </Note>
    );
  return (
    <Note tone="warn">
      <b>{mac === null ? address : `${mac} at ${address}`} fails to get in,</b> {counted}: {sentence(text)}{' '}
      {sentence(cause)}
    </Note>
  );
}
