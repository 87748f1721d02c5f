// What events say to people: which of them are news, in which words, and what may be done about it. Many of one kind are one notice
// with a count. It reads nothing.

import type { Event, EventFilterType, EventType } from '#protocol/admin/events.ts';
import { EVENT_TYPES } from '#protocol/admin/events.ts';
import { MAX_NOTICE_BOARDS, MAX_NOTICES } from '#protocol/limits.ts';
import { withoutControls } from '#protocol/unseen.ts';
import { DEFAULT_PRODUCT } from '#protocol/words.ts';
import { expandTypes } from '#server/service/events/events.ts';
import type { Recipient } from '#server/service/settings.ts';

/** What a recipient is told of that names no types: what a person has to act on, and nothing that goes its way. */
const LOUD: readonly EventType[] = [
  'rollout.halted',
  'rollout.regressed',
  'assignment.lost',
  'image.damaged',
  'server.trouble',
  'server.certificate_ends',
];

/** News of single boards comes in swarms: it is gathered first. */
export function isGathered(type: EventType): boolean {
  return type.startsWith('assignment.') || type.startsWith('device.');
}

export function typesOf({ types }: Recipient): readonly EventType[] {
  return types === undefined ? LOUD : expandTypes(types satisfies readonly EventFilterType[]);
}

/** One thing that happened, however often. */
export interface Notice {
  readonly title: string;
  readonly text: string;
  readonly commands: readonly string[];
  /** Where it can be seen and mended. */
  readonly link: string;
}

/** What is sent: one or several things. */
export interface Message {
  readonly title: string;
  readonly notices: readonly Notice[];
  /** Further ones that it does not tell. */
  readonly more: number;
}

/** Events of one kind and one rollout, in their order; `count` may be more than those that were kept. */
interface Folded {
  readonly events: readonly [Event, ...Event[]];
  readonly count: number;
}

/** Folds what belongs together; the events of each that are kept are those that a notice names. */
export class Fold {
  readonly #groups = new Map<string, { readonly events: [Event, ...Event[]]; count: number }>();

  add(event: Event): void {
    const key = `${event.type} ${event.rollout ?? event.product ?? ''} ${event.version ?? ''}`;
    const known = this.#groups.get(key);
    if (known === undefined) {
      this.#groups.set(key, { events: [event], count: 1 });
      return;
    }
    known.count += 1;
    if (known.events.length < MAX_NOTICE_BOARDS) known.events.push(event);
  }

  get isEmpty(): boolean {
    return this.#groups.size === 0;
  }

  message(publicUrl: URL): Message {
    const folded = [...this.#groups.values()];
    const notices = folded.slice(0, MAX_NOTICES).map((one) => noticeOf(one, publicUrl));
    const [first] = notices;
    const others = folded.length - 1;
    const title = first === undefined || others === 0 ? (first?.title ?? '') : `${first.title}, and ${others} more`;
    return { title, notices, more: folded.length - notices.length };
  }
}

function noticeOf(folded: Folded, publicUrl: URL): Notice {
  const [event] = folded.events;
  const words = wordsOf(folded);
  return { ...words, link: new URL(pathOf(event), publicUrl).href };
}

type Words = Omit<Notice, 'link'>;

function wordsOf(folded: Folded): Words {
  const { events, count } = folded;
  const [event] = events;
  const words = WORDS[event.type];
  if (words !== undefined) return words(folded);
  return { title: titleOf(event, count), text: EVENT_TYPES[event.type] + detailOf(events, count), commands: [] };
}

/** What is loud, in the words of those who have to act. */
const WORDS: Partial<Readonly<Record<EventType, (folded: Folded) => Words>>> = {
  'rollout.halted': ({ events: [event] }) => ({
    title: `Rollout ${event.rollout} is halted`,
    text: textOf(event.data['reason'], 'the gate of its stage failed'),
    commands: [
      `otter rollout waiting ${event.rollout}`,
      `otter rollout abort ${event.rollout} --revert`,
      blockOf(event),
    ],
  }),
  'rollout.regressed': ({ events: [event] }) => ({
    title: `Rollout ${event.rollout} regressed`,
    text: textOf(event.data['reason'], 'boards failed after it completed'),
    commands: [
      blockOf(event),
      `otter rollout abort ${event.rollout} --revert`,
      `otter rollout keep ${event.rollout} --reason TEXT`,
    ],
  }),
  'assignment.lost': ({ events, count }) => ({
    title: `${boards(count)} of rollout ${events[0].rollout} ${count === 1 ? 'is' : 'are'} lost`,
    text: `given ${events[0].version}, and silent since: ${nameAll(events, count)}`,
    commands: [`otter rollout waiting ${events[0].rollout}`, `otter rollout pause ${events[0].rollout}`],
  }),
  'image.damaged': ({ events: [{ product, version, data }] }) => ({
    title: `An image of ${product} ${version} is damaged`,
    text: textOf(data['fault'], 'its stored bytes are not whole'),
    commands: ['otter firmware add FILE'],
  }),
  'server.trouble': ({ events: [{ data }] }) => ({
    title: 'The server cannot do all of its work',
    text: `${textOf(data['problem'], '')} (${textOf(data['server'], '')}): ${textOf(data['hint'], '')}`,
    commands: ['otter status'],
  }),
  'server.certificate_ends': ({ events: [{ data }] }) => ({
    title: `The certificate of the server ends in ${textOf(data['days'], '?')} days`,
    text: `it ends at ${textOf(data['ends_at'], '?')}; afterwards no board and no person gets in who checks dates`,
    commands: ['otter cert show'],
  }),
};

function blockOf({ product, version }: Event): string {
  const of = product === DEFAULT_PRODUCT || product === null ? '' : ` --product ${product}`;
  return `otter firmware block ${version}${of} --reason TEXT`;
}

/** Of a type that somebody asked for. */
function titleOf({ type, rollout, product }: Event, count: number): string {
  const what = rollout ?? product ?? 'the server';
  return `${type} of ${what}${count === 1 ? '' : ` (${count} times)`}`;
}

function detailOf(events: Folded['events'], count: number): string {
  const [{ mac, data }] = events;
  const reason = typeof data['reason'] === 'string' ? `: ${oneLine(data['reason'])}` : '';
  return mac === null ? reason : `: ${nameAll(events, count)}`;
}

function nameAll(events: readonly Event[], count: number): string {
  const named = events.map(({ mac, name }) => (name === null ? (mac ?? '') : `${oneLine(name)} (${mac ?? ''})`));
  return named.join(', ') + (count > events.length ? ` and ${count - events.length} more` : '');
}

function boards(count: number): string {
  return count === 1 ? '1 board' : `${count} boards`;
}

function textOf(value: unknown, otherwise: string): string {
  return typeof value === 'string' || typeof value === 'number' ? oneLine(String(value)) : otherwise;
}

/** What somebody wrote: it adds no line, hides and turns nothing, and no reader makes a link of it. */
function oneLine(text: string): string {
  return withoutControls(text.replaceAll(/\s+/g, ' '))
    .replaceAll('://', '[:]//')
    .replaceAll(/\b(www)\./gi, '$1[.]');
}

/** Of the dashboard. */
function pathOf({ type, rollout, mac }: Event): string {
  if (rollout !== null) return `/rollouts/${encodeURIComponent(rollout)}`;
  if (mac !== null) return `/devices/${encodeURIComponent(mac)}`;
  if (type.startsWith('image.')) return '/firmware';
  return type.startsWith('server.') ? '/server' : '/activity';
}
