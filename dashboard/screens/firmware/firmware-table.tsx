// The builds, the newest first.

import { Group, Table, UnstyledButton } from '@mantine/core';
import type { ReactNode } from 'react';
import { Ago } from '#dashboard/parts/time.tsx';
import { StateBadge } from '#dashboard/parts/tone.tsx';
import { bytes, count } from '#dashboard/parts/words.ts';
import parts from '#dashboard/parts/parts.module.css';
import type { Firmware } from '#protocol/admin/firmware.ts';

interface FirmwareTableProps {
  readonly items: readonly Firmware[];
  readonly onOpen: (firmware: Firmware) => void;
}

export function FirmwareTable({ items, onOpen }: FirmwareTableProps): ReactNode {
  return (
    <Table.ScrollContainer
      minWidth={680}
      scrollAreaProps={{ viewportProps: { 'aria-label': 'Firmware', tabIndex: 0 } }}
    >
      <Table
        horizontalSpacing="var(--otter-side)"
        fz={13.5}
        highlightOnHover
        highlightOnHoverColor="var(--otter-hover)"
      >
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Version</Table.Th>
            <Table.Th>Product</Table.Th>
            <Table.Th>State</Table.Th>
            <Table.Th>Images</Table.Th>
            <Table.Th ta="right">Boards</Table.Th>
            <Table.Th ta="right">Added</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {items.map((one) => (
            <Table.Tr key={`${one.product} ${one.version}`}>
              <Table.Td>
                <UnstyledButton className={parts['link'] ?? ''} fz="inherit" fw={570} onClick={() => onOpen(one)}>
                  {one.version}
                </UnstyledButton>
              </Table.Td>
              <Table.Td>{one.product}</Table.Td>
              <Table.Td>
                <FirmwareState firmware={one} />
              </Table.Td>
              <Table.Td className={parts['dim'] ?? ''}>
                {one.images.map(({ chip, size_bytes: size }) => `${chip} ${bytes(size)}`).join(', ')}
              </Table.Td>
              <Table.Td ta="right">{count(one.devices)}</Table.Td>
              <Table.Td ta="right" className={parts['dim'] ?? ''}>
                <Ago at={one.created_at} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

export function FirmwareState({ firmware }: { readonly firmware: Firmware }): ReactNode {
  const { blocked, stable, pilot_ready: isReady, must_pass: mustPass } = firmware;
  return (
    <Group gap={6}>
      {blocked ? (
        <StateBadge tone="bad">Blocked</StateBadge>
      ) : stable ? (
        <StateBadge tone="good">Stable</StateBadge>
      ) : isReady ? (
        <StateBadge tone="moving">Ready</StateBadge>
      ) : (
        <StateBadge tone="idle">Not ready</StateBadge>
      )}
      {mustPass ? <StateBadge tone="idle">Required</StateBadge> : null}
    </Group>
  );
}
