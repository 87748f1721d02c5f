// Builds: drop a file, see what the server saw in it, where each runs, and take one out of use.

import { Stack } from '@mantine/core';
import { IconPackage } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useSearchParams } from 'wouter';
import { useCall } from '#dashboard/data/queries.ts';
import { Answered, Empty } from '#dashboard/parts/answers.tsx';
import { Card, Page } from '#dashboard/parts/page.tsx';
import type { Firmware as FirmwareAnswer } from '#protocol/admin/firmware.ts';
import { FirmwareDrawer } from './firmware-drawer.tsx';
import { FirmwareTable } from './firmware-table.tsx';
import { Upload } from './upload.tsx';

export default function Firmware(): ReactNode {
  const [params, setParams] = useSearchParams();
  const firmware = useCall('listFirmware', { query: { limit: '500', sort: '-created_at' } });
  const open = (one: FirmwareAnswer | undefined): void =>
    setParams(one === undefined ? {} : { product: one.product, version: one.version });
  const version = params.get('version');
  const product = params.get('product');
  const shown = firmware.data?.items.find(
    (one) => one.version === version && (product === null || one.product === product),
  );
  return (
    <Page title="Firmware">
      <Stack gap="lg">
        <Upload onOpen={open} />
        <Answered query={firmware}>
          {({ items }) => (
            <Card flush>
              {items.length === 0 ? (
                <Empty title="No firmware yet" icon={<IconPackage size={22} />}>
                  Drop the .bin file of a sketch above. In the Arduino IDE it is made by Sketch, Export Compiled Binary.
                </Empty>
              ) : (
                <FirmwareTable items={items} onOpen={open} />
              )}
            </Card>
          )}
        </Answered>
      </Stack>
      <FirmwareDrawer firmware={shown} onClose={() => open(undefined)} />
    </Page>
  );
}
