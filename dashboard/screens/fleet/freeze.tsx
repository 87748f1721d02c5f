// Frozen products, and the command that freezes one: nobody of it is offered anything new.

import { IconSnowflake } from '@tabler/icons-react';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { useAction } from '#dashboard/data/queries.ts';
import { More } from '#dashboard/parts/ask/more.tsx';
import { HoldText, Order } from '#dashboard/parts/ask/order.tsx';
import { boards } from '#dashboard/parts/words.ts';
import type { Product } from '#protocol/admin/devices.ts';

const HoldDialog = lazy(async () => import('#dashboard/parts/ask/hold-dialog.tsx'));

export function Frozen({ product }: { readonly product: Product }): ReactNode {
  const end = useAction('unfreezeProduct', () => `${product.product} is not frozen any more`);
  if (product.freeze === null) return null;
  return (
    <Order
      icon={<IconSnowflake size={18} />}
      button="Unfreeze"
      isBusy={end.isPending}
      onClick={() => end.mutate({ params: { name: product.product } })}
    >
      <b>
        {product.product} is frozen, {boards(product.devices)}.
      </b>{' '}
      <HoldText hold={product.freeze} />
    </Order>
  );
}

interface FreezeMenuProps {
  readonly product: string;
  readonly devices: number;
}

export function FreezeMenu({ product, devices }: FreezeMenuProps): ReactNode {
  const [isAsked, setAsked] = useState(false);
  const freeze = useAction('freezeProduct', () => `${product} is frozen`);
  return (
    <>
      <More
        name={`More of ${product}`}
        size="xs"
        items={[{ text: `Freeze ${product}`, isDanger: true, onPick: () => setAsked(true) }]}
      />
      {isAsked ? (
        <Suspense>
          <HoldDialog
            title={`Freeze ${product}?`}
            confirm="Freeze it"
            busy={freeze.isPending}
            onClose={() => setAsked(false)}
            onConfirm={(body) =>
              freeze.mutate({ params: { name: product }, body }, { onSuccess: () => setAsked(false) })
            }
          >
            {boards(devices)} {devices === 1 ? 'is' : 'are'} offered nothing new, by no rollout. Updates that are under
            way go on; gates wait.
          </HoldDialog>
        </Suspense>
      ) : null}
    </>
  );
}
