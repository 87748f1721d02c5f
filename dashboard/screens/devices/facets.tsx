// What there is to choose from, with how many boards each choice leaves. A choice becomes a part of the query, and nothing else.

import { Anchor, Checkbox, Text } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { useCall } from '#dashboard/data/queries.ts';
import { Answered } from '#dashboard/parts/answers.tsx';
import { DEVICE_STATES } from '#dashboard/parts/tone.tsx';
import { count } from '#dashboard/parts/words.ts';
import type { DeviceNumbers, NumberedBy } from '#protocol/admin/fleet/device-numbers.ts';
import { type Choices, readChoices, withChoice, withoutChoice } from './choices.ts';
import { whereOf } from './where.ts';
import css from './devices.module.css';

const NAMES: Readonly<Record<NumberedBy, string>> = {
  status: 'Status',
  mark: 'Marks',
  version: 'Version',
  product: 'Product',
  chip: 'Chip',
  label: 'Label',
};
const ORDER = Object.keys(NAMES) as readonly NumberedBy[];

const MARKS: Readonly<Record<string, string>> = {
  held: 'Held',
  test: 'Test board',
  overdue: 'Overdue',
  flapping: 'Flapping',
};

/** Values of one kind that are shown at once. */
const FEW = 7;
const REFRESH_MS = 30_000;

interface FacetsProps {
  readonly q: string;
  readonly setQuery: (q: string) => void;
  readonly isListed: boolean;
}

export default function Facets({ q, setQuery, isListed }: FacetsProps): ReactNode {
  const { where, fault } = whereOf(q);
  const options = { enabled: isListed && fault === undefined, keep: true, everyMs: REFRESH_MS, isDear: true };
  const numbers = useCall('getDeviceNumbers', { query: where === undefined ? {} : { where } }, options);
  const { choices } = readChoices(q);
  if (fault !== undefined)
    return (
      <Text size="sm" c="dimmed">
        The query cannot be read yet; what is wrong stands below the box.
      </Text>
    );
  return (
    <Answered query={numbers}>
      {(answer) => (
        <div className={css['facets']}>
          {ORDER.map((by) => (
            <Facet key={by} {...{ by, q, setQuery, choices, isListed, answer }} />
          ))}
          {answer.devices === 0 && choices.size === 0 ? (
            <Text size="sm" c="dimmed">
              No board is like that, so there is nothing to choose from.
            </Text>
          ) : null}
        </div>
      )}
    </Answered>
  );
}

interface FacetProps extends FacetsProps {
  readonly by: NumberedBy;
  readonly choices: Choices;
  /** For the query as it is. */
  readonly answer: DeviceNumbers;
}

function Facet({ by, q, setQuery, choices, isListed, answer }: FacetProps): ReactNode {
  const [isLong, setLong] = useState(false);
  const chosen = choices.get(by);
  const isChosen = chosen !== undefined;
  // What else there would be: without the choice of this kind.
  const where = isChosen ? whereOf(withoutChoice(q, by)).where : undefined;
  const options = { enabled: isChosen && isListed, keep: true, everyMs: REFRESH_MS, isDear: true };
  const others = useCall('getDeviceNumbers', { query: { by, ...(where === undefined ? {} : { where }) } }, options);
  const found = (isChosen ? (others.data ?? answer) : answer).numbers.find((one) => one.by === by);
  const known = (found?.values ?? []).flatMap(({ value, devices }) => (value === null ? [] : [{ value, devices }]));
  const gone = [...(chosen ?? [])].filter((value) => !known.some((one) => one.value === value));
  const values = [...gone.map((value) => ({ value, devices: 0 })), ...known];
  // A choice of one is none; of a mark, a board has it or not.
  if (!isChosen && values.length < (by === 'mark' ? 1 : 2)) return null;
  const shown = isLong ? values : values.slice(0, FEW);
  const more = values.length - shown.length;
  return (
    <fieldset className={css['facet']}>
      <legend className={css['legend']}>{NAMES[by]}</legend>
      {shown.map(({ value, devices }) => (
        <div key={value} className={css['facetRow']}>
          <Checkbox
            size="xs"
            label={textOf(by, value)}
            checked={chosen?.has(value) ?? false}
            styles={{ root: { minWidth: 0 }, label: { overflowWrap: 'anywhere' } }}
            onChange={({ currentTarget }) => setQuery(withChoice(q, by, changed(chosen, value, currentTarget.checked)))}
          />
          <Text size="xs" c="dimmed">
            {count(devices)}
          </Text>
        </div>
      ))}
      {more > 0 || isLong ? (
        <Anchor component="button" type="button" size="xs" onClick={() => setLong(!isLong)}>
          {isLong ? 'Fewer' : `${count(more)} more`}
        </Anchor>
      ) : null}
      {isLong && (found?.more ?? 0) > 0 ? (
        <Text size="xs" c="dimmed">
          {count(found?.more ?? 0)} rarer ones are not listed: ask for them in the box.
        </Text>
      ) : null}
    </fieldset>
  );
}

function changed(chosen: ReadonlySet<string> | undefined, value: string, isChosen: boolean): ReadonlySet<string> {
  const others = [...(chosen ?? [])].filter((one) => one !== value);
  return new Set(isChosen ? [...others, value] : others);
}

function textOf(by: NumberedBy, value: string): string {
  if (by === 'mark') return MARKS[value] ?? value;
  return by === 'status' && value in DEVICE_STATES ? DEVICE_STATES[value as keyof typeof DEVICE_STATES][0] : value;
}
