// The rows that can be seen, and the next page shortly before it is needed.

import { Checkbox, UnstyledButton } from '@mantine/core';
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useEffect, useRef } from 'react';
import { Link } from 'wouter';
import { deviceHref } from '#dashboard/parts/text/links.ts';
import type { Device } from '#protocol/admin/devices.ts';
import type { DevicePages } from './device-pages.ts';
import type { DeviceFilter } from './address.ts';
import type { ShownColumn } from './columns.tsx';
import type { Picked } from './bulk/picked.ts';
import css from './devices.module.css';

const ROW_PX = 46;
const AHEAD = 30;
/** Of the tick and of the board, which stand in front always. */
const FRONT = '34px minmax(154px, 1fr)';
const FRONT_PX = 188;
const SIDES_PX = 40;

interface DeviceTableProps {
  readonly pages: DevicePages;
  readonly columns: readonly ShownColumn[];
  readonly picked: Picked;
  readonly filter: DeviceFilter;
  readonly setFilter: (filter: DeviceFilter) => void;
}

export function DeviceTable({ pages, columns, picked, filter, setFilter }: DeviceTableProps): ReactNode {
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
  const grid = { gridTemplateColumns: [FRONT, ...columns.map(({ width }) => width)].join(' ') };
  const minWidth = columns.reduce((sum, { minPx }) => sum + minPx, FRONT_PX + SIDES_PX);
  const isAll = rows.length > 0 && rows.every(({ id }) => picked.has(id));
  const sorting = { filter, setFilter };
  return (
    <div ref={scroll} className={css['scroll']} role="region" aria-label="Boards" tabIndex={0}>
      <div
        className={css['table']}
        style={{ minWidth }}
        role="table"
        aria-label="Boards"
        aria-rowcount={hasMore ? -1 : rows.length + 1}
      >
        <div className={css['head']} role="row" style={grid}>
          <span role="columnheader">
            <Checkbox
              size="xs"
              aria-label="Select all loaded boards"
              checked={isAll}
              indeterminate={!isAll && !picked.isNone}
              onChange={() => (isAll ? picked.clear() : picked.set(rows.map(({ id }) => id)))}
            />
          </span>
          <SortHead name="Board" field={rows.some(({ name }) => name !== null) ? 'name' : 'mac'} {...sorting} />
          {columns.map(({ key, name, sort }) => (
            <SortHead key={key} name={name} field={sort} {...sorting} />
          ))}
        </div>
        <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {items.map(({ index, start }) => {
            const device = rows[index];
            return device === undefined ? null : (
              <Row
                key={device.id}
                device={device}
                columns={columns}
                style={{ ...grid, transform: `translateY(${start}px)`, height: ROW_PX }}
                isPicked={picked.has(device.id)}
                onPick={() => picked.toggle(device.id)}
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
  readonly columns: readonly ShownColumn[];
  readonly style: Readonly<Record<string, string | number>>;
  readonly isPicked: boolean;
  readonly onPick: () => void;
}

function Row({ device, columns, style, isPicked, onPick }: RowProps): ReactNode {
  const { id, mac, name } = device;
  return (
    <div className={css['row']} role="row" data-picked={isPicked} style={style}>
      <span role="cell">
        <Checkbox size="xs" checked={isPicked} onChange={onPick} aria-label={`Select ${mac}`} />
      </span>
      <span role="cell">
        <Link href={deviceHref(id)} className={name === null ? `${css['mac']} mono` : css['mac']} title={mac}>
          {name ?? mac}
        </Link>
      </span>
      {columns.map(({ key, show, title }) => (
        <span key={key} role="cell" data-column={key} title={title?.(device)}>
          {show(device) ?? <span className={css['dim']}>–</span>}
        </span>
      ))}
    </div>
  );
}
