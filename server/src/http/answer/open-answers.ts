// Answers of each connection that are not sent to the end yet. A client that sends request after request without reading is cut: what waits
// for its turn is held in memory.

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { MAX_OPEN_ANSWERS } from '#protocol/limits.ts';

const openAnswers = new WeakMap<Socket, Set<ServerResponse>>();

/** From its request on, until `removeAnswer`. */
export function addAnswer(socket: Socket, answer: ServerResponse): void {
  const answers = openAnswers.get(socket) ?? new Set();
  openAnswers.set(socket, answers.add(answer));
}

/** It was sent, or the client is gone. */
export function removeAnswer(socket: Socket, answer: ServerResponse): void {
  openAnswers.get(socket)?.delete(answer);
}

export function hasTooManyAnswers(socket: Socket): boolean {
  return (openAnswers.get(socket)?.size ?? 0) > MAX_OPEN_ANSWERS;
}

/** Into the middle of an answer nothing else may be written. */
export function isAnswering(socket: Socket): boolean {
  return [...(openAnswers.get(socket) ?? [])].some(({ headersSent }) => headersSent);
}
