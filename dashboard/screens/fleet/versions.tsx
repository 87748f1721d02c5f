// Which version how many boards run, per product.

import { Group, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { Bar } from '#dashboard/parts/bar.tsx';
import { devicesHref } from '#dashboard/parts/text/links.ts';
import { Card } from '#dashboard/parts/page.tsx';
import { boards, byName, count, percent } from '#dashboard/parts/words.ts';
import type { ServerStatus } from '#protocol/admin/status.ts';
import { FreezeMenu } from './freeze.tsx';
import css from './fleet.module.css';
import parts from '#dashboard/parts/parts.module.css';

/** From the newest on; the rest together. */
const SHADES = [8, 4, 2, 1] as const;
const MOST_ROWS = 8;

type Row = ServerStatus['versions'][number];

export function Versions({ status: { versions, frozen } }: { readonly status: ServerStatus }): ReactNode {
  const products = [...new Set(versions.map(({ product }) => product))].toSorted(byName);
  return (
    <Card title="Versions">
      {products.length === 0 ? (
        <Text size="sm" c="dimmed">
          The versions that your boards run stand here after their first check-in.
        </Text>
      ) : (
        <Stack gap="lg">
          {products.map((product) => (
            <Product
              key={product}
              product={product}
              rows={versions.filter((row) => row.product === product)}
              isFrozen={frozen.some((one) => one.product === product)}
            />
          ))}
        </Stack>
      )}
    </Card>
  );
}

interface ProductProps {
  readonly product: string;
  readonly rows: readonly Row[];
  readonly isFrozen: boolean;
}

function Product({ product, rows, isFrozen }: ProductProps): ReactNode {
  const sorted = rows.toSorted((left, right) => byName(right.version, left.version));
  const total = rows.reduce((sum, row) => sum + row.devices, 0);
  const colorOf = (index: number): string =>
    `var(--mantine-color-${SHADES[index] === undefined ? 'gray-5' : `otter-${SHADES[index]}`})`;
  return (
    <div>
      <Group justify="space-between" mb={8} wrap="nowrap">
        <Text size="sm" fw={570} style={{ overflowWrap: 'anywhere' }}>
          {product}{' '}
          <Text span c="dimmed" fw={400}>
            {boards(total)}
            {isFrozen ? ', frozen' : ''}
          </Text>
        </Text>
        {isFrozen ? null : <FreezeMenu product={product} devices={total} />}
      </Group>
      <Bar
        tall
        total={total}
        label={sorted.map((row) => `${row.version}: ${row.devices}`).join(', ')}
        shares={sorted.map((row, index) => ({ tone: { color: colorOf(index) }, count: row.devices }))}
      />
      <table className={css['versions']}>
        <tbody>
          {sorted.slice(0, MOST_ROWS).map((row, index) => (
            <tr key={row.version}>
              <td>
                <span
                  style={{
                    display: 'inline-block',
                    width: 9,
                    height: 9,
                    borderRadius: 3,
                    marginRight: 10,
                    background: colorOf(index),
                  }}
                />
                <Link
                  href={devicesHref(['product', product], ['version', row.version])}
                  className={parts['link'] ?? ''}
                >
                  {row.version}
                </Link>
              </td>
              <td>{count(row.devices)}</td>
              <td>{percent(row.devices, total)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
