// The examples of docs/notices.md are what a server takes, one for each shape.

import { expect, test } from 'vitest';
import { SHAPES } from '#protocol/admin/fleet/recipients.ts';
import { readDocument } from './markdown.ts';
import { addToServerYml, load, newHome, put } from '../config/new-home.ts';

const FILES: Readonly<Record<string, string>> = {
  'slack.url': 'https://hooks.otter.rocks/services/T/B/x',
  'teams.url': 'https://flows.otter.rocks/workflows/x?sig=y',
  'discord.url': 'https://discord.otter.rocks/api/webhooks/1/x',
  'ntfy.url': 'https://ntfy.otter.rocks/my-topic',
  'ntfy.token': 'tk_x',
  'mail.password': 'x',
};

const examples = [...readDocument('docs/notices.md').matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);

test.each(examples)('is taken as it stands:\n%s', async (example) => {
  const home = await newHome();
  for (const [name, text] of Object.entries(FILES)) put(home, `data/tokens/${name}`, text);
  addToServerYml(home, example);
  const { config, warnings } = load(home);
  expect(warnings).toEqual([]);
  if (example.startsWith('notify:')) expect(config.recipients).toHaveLength(1);
  else expect(config.publicUrl?.protocol).toBe('https:');
});

test('there is one for each shape', () => {
  const shapes = examples.map((example) => /shape: (\w+)/.exec(example)?.[1]);
  expect(new Set(shapes.filter((shape) => shape !== undefined))).toEqual(new Set(SHAPES));
});
