// A person who has no mouse: everything is reached by Tab, opened by Enter, and found by Ctrl+K.

import type { Page } from 'playwright-core';

const MOST_TABS = 120;

/** Tabs on until what has this name (and role) has the focus. Throws where it is never reached. */
export async function tabTo(page: Page, name: RegExp | string): Promise<void> {
  const passed: string[] = [];
  for (let count = 0; count < MOST_TABS; count += 1) {
    const focused = await page.evaluate<string>(FOCUSED_NAME);
    if (typeof name === 'string' ? focused === name : name.test(focused)) return;
    passed.push(focused);
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab never comes to ${String(name)}; it came to ${[...new Set(passed)].join(' | ')}`);
}

export async function pressOn(page: Page, name: RegExp | string): Promise<void> {
  await tabTo(page, name);
  await page.keyboard.press('Enter');
}

/** By Ctrl+K. */
export async function find(page: Page, text: string): Promise<void> {
  await page.keyboard.press('Control+k');
  await page.getByRole('textbox', { name: 'Find' }).waitFor();
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
}

const FOCUSED_NAME = `(() => {
  const one = document.activeElement;
  // Nothing has it.
  if (one === null || one === document.body) return '';
  const labelled = one.labels?.[0]?.innerText ?? '';
  return (one.getAttribute('aria-label') ?? (labelled === '' ? one.innerText ?? '' : labelled)).trim();
})()`;
