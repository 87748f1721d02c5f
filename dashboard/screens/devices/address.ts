// Which boards are meant, as the address says it: a link shows the same list to somebody else.

import { useMemo } from 'react';
import { useSearchParams } from 'wouter';
import type { DEVICE_STATUSES } from '#protocol/admin/states.ts';
import { whereOf } from './where.ts';

const NAMES = ['q', 'mac', 'status', 'product', 'label', 'version', 'sort'] as const;

export type DeviceFilter = Readonly<Partial<Record<(typeof NAMES)[number], string>>>;

/** What the API takes. */
export type DeviceQuery = Omit<DeviceFilter, 'q' | 'status'> & {
  readonly status?: (typeof DEVICE_STATUSES)[number];
  readonly where?: string;
};

export function useDeviceFilter() {
  const [params, setParams] = useSearchParams();
  const text = params.toString();
  const filter: DeviceFilter = useMemo(() => {
    const given = new URLSearchParams(text);
    return Object.fromEntries(
      NAMES.flatMap((name) => {
        const value = given.get(name);
        return value === null || value === '' ? [] : [[name, value]];
      }),
    );
  }, [text]);
  const setFilter = (next: DeviceFilter): void => {
    const given = Object.entries(next).filter(([, value]) => value !== '');
    setParams(Object.fromEntries(given), { replace: true });
  };
  const isFiltered = NAMES.some((name) => name !== 'sort' && filter[name] !== undefined);
  return { filter, setFilter, isFiltered };
}

/** The address may say any status; the server refuses what is none. */
export function queryOf({ q = '', ...filter }: DeviceFilter): DeviceQuery {
  const { where } = whereOf(q);
  return { ...(filter as DeviceQuery), ...(where === undefined ? {} : { where }) };
}
