// The code that docs/events.md gives to receivers of webhooks takes what the server signs, and nothing else.

import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { readDocument } from './markdown.ts';

const SECRET = 'otw_k7Jq2mVx9TzR4wLb8NcY5pHs3FgD6eabcdeKLMN';
const NOW_S = 1_795_000_000;
const BODY = '{"events":[{"data":{"detail":"grün"}}]}';

function block(language: string): string {
  const found = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(readDocument('docs/events.md'))?.[1];
  if (found === undefined) throw new Error(`docs/events.md has no example in ${language}`);
  return found;
}

const sign = (secret: string, timestamp: number): string =>
  `sha256=${createHmac('sha256', secret).update(`${timestamp}.${BODY}`).digest('hex')}`;

const CASES = [
  { name: 'a true delivery', timestamp: NOW_S, signature: sign(SECRET, NOW_S), body: BODY, isTrue: true },
  { name: 'another body', timestamp: NOW_S, signature: sign(SECRET, NOW_S), body: `${BODY} `, isTrue: false },
  { name: 'another secret', timestamp: NOW_S, signature: sign(`${SECRET}x`, NOW_S), body: BODY, isTrue: false },
  { name: 'another timestamp', timestamp: NOW_S + 1, signature: sign(SECRET, NOW_S), body: BODY, isTrue: false },
  { name: 'an old one', timestamp: NOW_S - 400, signature: sign(SECRET, NOW_S - 400), body: BODY, isTrue: false },
  { name: 'no signature', timestamp: NOW_S, signature: '', body: BODY, isTrue: false },
] as const;

describe('the example in Node', () => {
  test.each(CASES)('of $name says $isTrue', async ({ timestamp, signature, body, isTrue }) => {
    const url = `data:text/javascript,${encodeURIComponent(block('js'))}`;
    const { isFromOtter } = await import(/* @vite-ignore */ url);
    const headers = { 'otter-timestamp': String(timestamp), 'otter-signature': signature };
    expect(isFromOtter(SECRET, headers, Buffer.from(body), NOW_S)).toBe(isTrue);
  });
});

const hasPython = spawnSync('python3', ['--version']).status === 0;

describe.skipIf(!hasPython)('the example in Python', () => {
  test.each(CASES)('of $name says $isTrue', ({ timestamp, signature, body, isTrue }) => {
    const headers = { 'Otter-Timestamp': String(timestamp), 'Otter-Signature': signature };
    const call = `import json, sys
given = json.load(sys.stdin)
print(is_from_otter(given["secret"], given["headers"], given["body"].encode(), ${NOW_S}))`;
    const run = spawnSync('python3', ['-c', `${block('python')}\n${call}`], {
      input: JSON.stringify({ secret: SECRET, headers, body }),
      encoding: 'utf8',
    });
    expect(run).toMatchObject({ status: 0, stdout: isTrue ? 'True\n' : 'False\n' });
  });
});
