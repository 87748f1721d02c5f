// One box for all: the beginning of a MAC, a name, or a query in the language of the API. What is wrong with a query stands below it,
// and it suggests how one may go on.

import { TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useCall } from '#dashboard/data/queries.ts';
import { MAX_QUERY_CHARS } from '#protocol/limits.ts';
import { suggestionsFor } from './suggest.ts';
import { whereOf } from './where.ts';

interface SearchProps {
  readonly value: string;
  readonly onChange: (value: string) => void;
}

const TYPING_MS = 300;
const REFRESH_MS = 60_000;

export function Search({ value, onChange }: SearchProps): ReactNode {
  const [text, setText] = useState(value);
  const said = useRef(value);
  const say = useDebouncedCallback((typed: string) => {
    said.current = typed;
    onChange(typed);
  }, TYPING_MS);
  useEffect(() => {
    // What was said from here comes back, perhaps after the next letters.
    if (value !== said.current) setText(value);
    said.current = value;
  }, [value]);
  const { fault } = whereOf(text);
  const [isUsed, setUsed] = useState(false);
  return (
    <>
      <TextInput
        aria-label="Name, MAC or query"
        placeholder="A name, a MAC, or: version<1.4 label:lab silent"
        leftSection={<IconSearch size={16} />}
        value={text}
        maxLength={MAX_QUERY_CHARS}
        error={fault}
        spellCheck={false}
        autoComplete="off"
        list="query-suggestions"
        onFocus={() => setUsed(true)}
        onChange={({ currentTarget }) => {
          const typed = currentTarget.value;
          setText(typed);
          // What cannot be read yet is not asked: the list stays as it is.
          if (whereOf(typed).fault === undefined) say(typed);
        }}
        style={{ flex: '1 1 300px' }}
      />
      <Suggestions text={text} isUsed={isUsed} />
    </>
  );
}

/** What the fleet has is asked for when somebody comes to the box. */
function Suggestions({ text, isUsed }: { readonly text: string; readonly isUsed: boolean }): ReactNode {
  const options = { enabled: isUsed, everyMs: REFRESH_MS, isDear: true };
  const numbers = useCall('getDeviceNumbers', {}, options);
  const saved = useCall('getQueries', {}, { ...options, enabled: isUsed && text.includes('@') });
  const names = (saved.data?.items ?? []).map(({ name }) => name);
  return (
    <datalist id="query-suggestions">
      {suggestionsFor(text, numbers.data?.numbers ?? [], names).map((one) => (
        <option key={one} value={one} />
      ))}
    </datalist>
  );
}
