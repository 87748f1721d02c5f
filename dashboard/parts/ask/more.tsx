// Rarer commands as a menu. It is loaded when somebody opens it: menus bring a library with them that finds their place.

import { lazy, type ReactNode, Suspense, useState } from 'react';
import { MoreButton, type MoreItem, type MoreProps } from './more-button.tsx';

export type { MoreItem };

const MoreMenu = lazy(async () => import('./more-menu.tsx'));

export function More({ items, ...button }: MoreProps): ReactNode {
  const [isWanted, setWanted] = useState(false);
  if (items.length === 0) return null;
  if (!isWanted) return <MoreButton {...button} onClick={() => setWanted(true)} />;
  return (
    <Suspense fallback={<MoreButton {...button} />}>
      <MoreMenu items={items} {...button} />
    </Suspense>
  );
}
