// Which boards are meant, as the address says it: a link shows the same list to somebody else. All of it is one query, and an order.

import { useMemo } from 'react';
import { useSearchParams } from 'wouter';
import { conditionText } from '#dashboard/parts/text/query-text.ts';
import { whereOf } from './where.ts';

export interface DeviceFilter {
  /** As it stands in the box. */
  readonly q: string;
  readonly sort?: string;
}

/** What the API takes. */
export interface DeviceQuery {
  readonly where?: string;
  readonly sort?: string;
}

/** Addresses had these by themselves once. */
const APART = ['product', 'version', 'status', 'label'] as const;

export function useDeviceFilter() {
  const [params, setParams] = useSearchParams();
  const text = params.toString();
  const filter: DeviceFilter = useMemo(() => readAddress(new URLSearchParams(text)), [text]);
  const setFilter = ({ q, sort }: DeviceFilter): void => {
    setParams({ ...(q === '' ? {} : { q }), ...(sort === undefined ? {} : { sort }) }, { replace: true });
  };
  return { filter, setFilter };
}

function readAddress(params: URLSearchParams): DeviceFilter {
  const apart = APART.flatMap((name) => {
    const value = params.get(name) ?? '';
    return value === '' ? [] : [conditionText(name, value)];
  });
  const typed = params.get('q') ?? params.get('mac') ?? '';
  // A name or a MAC that is typed alone becomes a condition beside others.
  const q = apart.length === 0 ? typed : [...apart, whereOf(typed).where ?? typed].join(' ').trim();
  const sort = params.get('sort') ?? '';
  return { q, ...(sort === '' ? {} : { sort }) };
}

export function queryOf({ q, sort }: DeviceFilter): DeviceQuery {
  const { where } = whereOf(q);
  return { ...(where === undefined ? {} : { where }), ...(sort === undefined ? {} : { sort }) };
}
