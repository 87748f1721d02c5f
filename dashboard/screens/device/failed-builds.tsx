// Builds that failed on this board, and a way to let it try one again.

import { Button, Stack, Text } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { useAction } from '#dashboard/data/queries.ts';
import { ActionDialog } from '#dashboard/parts/ask/action-dialog.tsx';
import { Card } from '#dashboard/parts/page.tsx';
import { Ago } from '#dashboard/parts/time.tsx';
import { StateText } from '#dashboard/parts/tone.tsx';
import { words } from '#dashboard/parts/words.ts';
import type { Device, DeviceDetail } from '#protocol/admin/devices.ts';

interface FailedBuildsProps {
  readonly device: Device;
  readonly builds: DeviceDetail['builds'];
}

export function FailedBuilds({ device, builds }: FailedBuildsProps): ReactNode {
  const clear = useAction('clearKnownBad', ({ cleared }) => `${cleared.join(', ')} may be offered again`);
  const [asked, setAsked] = useState<string>();
  return (
    <Card title="Builds that failed here">
      <Stack gap="md">
        {builds.map(({ product, version, failures, known_bad: isBad, last_error: error, last_failed_at: at }) => (
          <div key={`${product} ${version}`}>
            <StateText tone={isBad ? 'bad' : 'warn'}>
              <b>{version}</b> {isBad ? 'is known bad here' : `failed ${failures} times`}
            </StateText>
            <Text size="sm" c="dimmed" component="div" mb={6}>
              {error === null ? '' : `${words(error)}, `}
              <Ago at={at} />
            </Text>
            <Button size="compact-sm" variant="default" onClick={() => setAsked(version)}>
              Let it try again
            </Button>
          </div>
        ))}
      </Stack>
      {asked === undefined ? null : (
        <ActionDialog
          title={`Forget that ${asked} failed on this board?`}
          confirm="Forget it"
          busy={clear.isPending}
          onClose={() => setAsked(undefined)}
          onConfirm={() =>
            clear.mutate(
              { params: { device: device.id }, query: { product: device.product, version: asked } },
              { onSettled: () => setAsked(undefined) },
            )
          }
        >
          {asked} may be offered to it again, and the next offer tells the board so. If it fails once more, it counts
          anew.
        </ActionDialog>
      )}
    </Card>
  );
}
