// The rows that can be seen, and the next page shortly before it is needed.

import { Checkbox, UnstyledButton } from '@mantine/core';
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useEffect, useRef } from 'react';
import { Link } from 'wouter';
import { deviceHref } from '#dashboard/parts/text/links.ts';
import { Ago } from '#dashboard/parts/time.tsx';
import { DEVICE_STATES, StateText } from '#dashboard/parts/tone.tsx';
import type { Device } from '#protocol/admin/devices.ts';
import type { DevicePages } from './device-pages.ts';
import type { DeviceFilter } from './address.ts';
import css from './devices.module.css';

const ROW_PX = 46;
const AHEAD = 30;

const COLUMNS = [
  ['Board', 'mac'],
  ['Status', undefined],
  ['Version', 'current_version'],
  ['Product', undefined],
  ['Labels', undefined],
  ['Chip', undefined],
  ['Seen', 'last_seen_at'],
] as const;

interface DeviceTableProps {
  readonly pages: DevicePages;
  readonly picked: ReadonlySet<string>;
  readonly setPicked: (picked: ReadonlySet<string>) => void;
  readonly filter: DeviceFilter;
  readonly setFilter: (filter: DeviceFilter) => void;
}

export function DeviceTable({ pages, picked, setPicked, filter, setFilter }: DeviceTableProps): ReactNode {
  const { rows, hasMore, loadMore } = pages;
  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && last > rows.length - AHEAD) loadMore();
  }, [hasMore, last, rows.length, loadMore]);
  const toggle = (mac: string): void => {
    const next = new Set(picked);
    if (!next.delete(mac)) next.add(mac);
    setPicked(next);
  };
  const isAll = rows.length > 0 && rows.every(({ mac }) => picked.has(mac));
  return (
    <div ref={scroll} className={css['scroll']} role="region" aria-label="Boards" tabIndex={0}>
      <div className={css['table']} role="table" aria-label="Boards" aria-rowcount={hasMore ? -1 : rows.length + 1}>
        <div className={css['head']} role="row">
          <span role="columnheader">
            <Checkbox
              size="xs"
              aria-label="Select all loaded boards"
              checked={isAll}
              indeterminate={!isAll && picked.size > 0}
              onChange={() => setPicked(isAll ? new Set() : new Set(rows.map(({ mac }) => mac)))}
            />
          </span>
          {COLUMNS.map(([name, field]) => (
            <SortHead key={name} {...{ name, field, filter, setFilter }} />
          ))}
        </div>
        <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {items.map(({ index, start }) => {
            const device = rows[index];
            return device === undefined ? null : (
              <Row
                key={device.id}
                device={device}
                top={start}
                isPicked={picked.has(device.mac)}
                onPick={() => toggle(device.mac)}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

interface SortHeadProps extends Pick<DeviceTableProps, 'filter' | 'setFilter'> {
  readonly name: string;
  readonly field: string | undefined;
}

function SortHead({ name, field, filter, setFilter }: SortHeadProps): ReactNode {
  if (field === undefined) return <span role="columnheader">{name}</span>;
  const sort = filter.sort ?? 'mac';
  const isSorted = sort.replace('-', '') === field;
  const isDescending = sort.startsWith('-');
  const order = isSorted ? (isDescending ? 'descending' : 'ascending') : 'none';
  return (
    <span role="columnheader" aria-sort={order}>
      <UnstyledButton
        fz="inherit"
        fw="inherit"
        onClick={() => setFilter({ ...filter, sort: isSorted && !isDescending ? `-${field}` : field })}
      >
        {name}
        {isSorted ? (
          isDescending ? (
            <IconArrowDown size={13} aria-hidden />
          ) : (
            <IconArrowUp size={13} aria-hidden />
          )
        ) : null}
      </UnstyledButton>
    </span>
  );
}

interface RowProps {
  readonly device: Device;
  readonly top: number;
  readonly isPicked: boolean;
  readonly onPick: () => void;
}

function Row({ device, top, isPicked, onPick }: RowProps): ReactNode {
  const {
    id,
    mac,
    name,
    status,
    hold,
    counted,
    current_version: version,
    product,
    labels,
    chip,
    last_seen_at: seen,
  } = device;
  const [text, tone] = DEVICE_STATES[status];
  return (
    <div
      className={css['row']}
      role="row"
      data-picked={isPicked}
      style={{ transform: `translateY(${top}px)`, height: ROW_PX }}
    >
      <span role="cell">
        <Checkbox size="xs" checked={isPicked} onChange={onPick} aria-label={`Select ${mac}`} />
      </span>
      <span role="cell">
        <Link href={deviceHref(id)} className={name === null ? `${css['mac']} mono` : css['mac']} title={mac}>
          {name ?? mac}
        </Link>
      </span>
      <span role="cell">
        <StateText tone={tone} pulse={status === 'updating'}>
          {text}
          {hold === null ? '' : ', held'}
          {counted === 'no' ? ', test' : ''}
        </StateText>
      </span>
      <span role="cell">{version}</span>
      <span role="cell" className={css['dim']}>
        {product}
      </span>
      <span role="cell" title={labels.join(', ')}>
        {labels.length === 0 ? <span className={css['dim']}>–</span> : labels.join(', ')}
      </span>
      <span role="cell" className={css['dim']}>
        {chip ?? '–'}
      </span>
      <span role="cell" className={css['dim']}>
        <Ago at={seen} />
      </span>
    </div>
  );
}
