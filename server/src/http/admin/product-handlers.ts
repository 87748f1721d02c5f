// The admin routes of products, each tied to one service.

import type { Deps } from '#server/service/deps.ts';
import { getProductHistory } from '#server/service/history/product-history.ts';
import { freezeProduct, listProducts, unfreezeProduct } from '#server/service/holds/freezes.ts';
import type { Handlers } from './handlers.ts';

export function productHandlers(deps: Deps) {
  return {
    getProducts: async ({ nowMs }) => ({ items: await listProducts(deps, nowMs) }),
    getProductHistory: async ({ params, query, nowMs }) => getProductHistory(deps, params.name, query.hours, nowMs),
    freezeProduct: async ({ params, body, nowMs, by }) => freezeProduct(deps, params.name, body, by, nowMs),
    unfreezeProduct: async ({ params, nowMs, by }) => unfreezeProduct(deps, params.name, by, nowMs),
  } satisfies Partial<Handlers>;
}
