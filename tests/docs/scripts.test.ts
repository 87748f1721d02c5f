// The scripts that README tells people to type: `npm test` runs each of them as it is typed. `npm start` runs in the
// walk-through (walk-through.test.ts), the others are steps of the task `test` (bin/dev.mjs).

import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { codeBlocks, readDocument } from './markdown.ts';

/** Another name of it would be another script. */
const NPM_COMMAND = /\bnpm (?:run )?([a-z][a-z:-]*)/g;
const README = readDocument('README.md');

const Step = Type.Array(Type.String());
const Beside = Type.Object({ beside: Type.Array(Type.Array(Step)) });
const Module = Type.Object({ TASKS: Type.Object({ test: Type.Array(Type.Union([Step, Beside])) }) });

test('npm test runs every script that README names, as a user types it', async () => {
  const named = scriptsIn(README).filter((name) => name !== 'test');
  expect(named).toEqual(expect.arrayContaining(['start', 'demo']));
  const { TASKS } = Value.Parse(Module, await import(new URL('../../bin/dev.mjs', import.meta.url).href));
  const steps = TASKS.test
    .flatMap((step) => ('beside' in step ? step.beside.flat() : [step]))
    .filter(([program]) => program === 'npm')
    .map((step) => step.join(' '));
  const pasted = codeBlocks(README)
    .filter(({ language, section }) => language === 'sh' && section === 'A walk-through, without a board')
    .map(({ text }) => text);
  expect(scriptsIn([...steps, ...pasted].join('\n'))).toEqual(named);
});

/** Sorted, each once. What npm does itself (`npm ci`) is no script. */
function scriptsIn(text: string): readonly string[] {
  const names = [...text.matchAll(NPM_COMMAND)].map(([, name = '']) => name);
  return [...new Set(names)].filter((name) => Object.hasOwn(packageJson.scripts, name)).toSorted();
}
