// What an operator ordered and stands until it is ended: with who, why and until when, and the button that ends it.

import { Button, Group } from '@mantine/core';
import type { ReactNode } from 'react';
import { sentence } from '#dashboard/data/queries.ts';
import { Note } from '#dashboard/parts/note.tsx';
import { actorText } from '#dashboard/parts/text/audit-text.ts';
import { Ago, exactText } from '#dashboard/parts/time.tsx';
import type { Hold } from '#protocol/admin/devices.ts';

interface OrderProps {
  readonly icon: ReactNode;
  readonly button: string;
  readonly isBusy: boolean;
  readonly onClick: () => void;
  readonly children: ReactNode;
}

export function Order({ icon, button, isBusy, onClick, children }: OrderProps): ReactNode {
  return (
    <Note tone="warn" icon={icon}>
      <Group justify="space-between" gap="sm">
        <span style={{ flex: '1 1 240px', minWidth: 0, overflowWrap: 'anywhere' }}>{children}</span>
        <Button size="xs" variant="default" loading={isBusy} onClick={onClick}>
          {button}
        </Button>
      </Group>
    </Note>
  );
}

export function HoldText({ hold }: { readonly hold: Hold }): ReactNode {
  const { reason, since, until, by, way_back: wayBack } = hold;
  return (
    <>
      {sentence(reason)} By {actorText(by)}, <Ago at={since} />
      {wayBack === 'hold' ? ', also on a bad build' : ''};{' '}
      {until === null ? (
        'until somebody ends it.'
      ) : (
        <>
          until {exactText(until)} (<Ago at={until} />)
        </>
      )}
    </>
  );
}
