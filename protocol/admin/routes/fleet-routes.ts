// Many devices at once: queries, products, budgets, labels, and who asks to be let in.

import { Type } from 'typebox';
import { Label, NewHold, Product } from '#protocol/admin/devices.ts';
import { SavedQuery } from '#protocol/admin/fleet/saved-queries.ts';
import { ProductHistory } from '#protocol/admin/fleet/history.ts';
import { BulkAnswer, BulkChange, BulkPreview, BulkQuery, Where } from '#protocol/admin/fleet/bulk.ts';
import { AcceptedEnrolments, DeviceIdentity, PendingEnrolment, TokenChoice } from '#protocol/admin/fleet/enrolments.ts';
import { Budget, NewBudget } from '#protocol/admin/fleet/budgets.ts';
import { Line } from '#protocol/admin/shapes.ts';
import { DEFAULT_HISTORY_HOURS, HISTORY_HOURS } from '#protocol/limits.ts';
import { LabelName, Mac, Name } from '#protocol/words.ts';
import { CONFIRM, confirm, device, labelled, named, page, paging, ref, route, strict, timezone } from './route.ts';

export const fleetRoutes = {
  listEnrolments: route(
    'GET',
    '/enrolments',
    'Boards that ask to be let in, and wait for a person; sort by asked_at',
    page(ref(PendingEnrolment)),
    { query: Type.Object(paging, strict) },
  ),
  acceptEnrolments: route(
    'POST',
    '/enrolments/accept',
    'Let in every board that asked with one token alone, and whose token was not revoked',
    ref(AcceptedEnrolments),
    { query: confirm },
  ),
  acceptEnrolment: route(
    'PUT',
    '/devices/:device/token',
    'Let a board in with the token that it asked with; it takes the place of one that it has',
    ref(DeviceIdentity),
    { params: device, query: TokenChoice },
  ),
  revokeToken: route(
    'DELETE',
    '/devices/:device/token',
    'End the token of a board at once; it is not let in again by itself',
    ref(DeviceIdentity),
    { params: device },
  ),
  reopenEnrolment: route(
    'PUT',
    '/devices/:device/reenrol',
    'Let a board in with the next token that it brings within an hour and its next check',
    ref(DeviceIdentity),
    { params: device },
  ),
  getQueries: route(
    'GET',
    '/queries',
    'Saved queries, each with how many devices it means now',
    Type.Object({ items: Type.Array(ref(SavedQuery)) }),
  ),
  saveQuery: route('PUT', '/queries/:name', 'Keep a query by a name: @name stands for it in others', ref(SavedQuery), {
    params: named,
    body: Type.Object({ where: Where }, strict),
  }),
  removeQuery: route('DELETE', '/queries/:name', 'Forget a saved query', Type.Object({ removed: Name }), {
    params: named,
  }),
  previewBulk: route(
    'GET',
    '/bulk',
    'How many devices a change of all that a query means would change',
    ref(BulkPreview),
    { query: BulkQuery },
  ),
  changeInBulk: route(
    'POST',
    '/bulk',
    'Change every device that a query means, some thousands with each request; repeated, it goes on',
    ref(BulkAnswer),
    { body: BulkChange },
  ),
  getProducts: route(
    'GET',
    '/products',
    'Products that have firmware or devices, and which of them are frozen',
    Type.Object({ items: Type.Array(ref(Product)) }),
  ),
  getProductHistory: route(
    'GET',
    '/products/:name/history',
    'How many devices of a product ran which version in each of the last hours, and what its rollouts did meanwhile',
    ref(ProductHistory),
    {
      params: named,
      query: Type.Object(
        {
          hours: Type.Optional(
            Type.String({ maxLength: 20, description: `1 to ${HISTORY_HOURS}, default ${DEFAULT_HISTORY_HOURS}` }),
          ),
        },
        strict,
      ),
    },
  ),
  freezeProduct: route(
    'PUT',
    '/products/:name/freeze',
    'Freeze a product: none of its devices is offered anything new until somebody ends it, or until the end that is said',
    ref(Product),
    { params: named, body: NewHold },
  ),
  unfreezeProduct: route('DELETE', '/products/:name/freeze', 'End the freeze of a product', ref(Product), {
    params: named,
  }),
  getBudgets: route(
    'GET',
    '/budgets',
    'Disruption budgets, and of each value of their label keys how many devices are at it',
    Type.Object({ items: Type.Array(ref(Budget)) }),
  ),
  setBudget: route(
    'PUT',
    '/budgets/:key',
    'Of each value of this label key (site=...), at most so many devices are in the middle of an update at a time',
    ref(Budget),
    { params: Type.Object({ key: Name }), body: NewBudget },
  ),
  removeBudget: route('DELETE', '/budgets/:key', 'Take the budget of a label key away', Type.Object({ key: Name }), {
    params: Type.Object({ key: Name }),
  }),
  listLabels: route('GET', '/labels', 'Labels; sort by name', page(ref(Label)), { query: Type.Object(paging, strict) }),
  createLabel: route('POST', '/labels', 'Create a label', ref(Label), {
    body: Type.Object(
      {
        name: LabelName,
        description: Type.Optional(Line),
        timezone: Type.Optional(timezone),
        where: Type.Optional(Where),
      },
      strict,
    ),
    status: 201,
  }),
  updateLabel: route('PATCH', '/labels/:name', 'Change what a label says of itself and of its devices', ref(Label), {
    params: labelled,
    body: Type.Object(
      {
        description: Type.Optional(Line),
        timezone: Type.Optional(Type.Union([timezone, Type.Null()])),
        where: Type.Optional(Where),
      },
      strict,
    ),
  }),
  deleteLabel: route(
    'DELETE',
    '/labels/:name',
    'Delete a label and take it off every device',
    Type.Object({ devices: Type.Integer() }),
    { params: labelled, query: confirm },
  ),
  labelDevices: route(
    'POST',
    '/labels/:name/devices',
    'Put a label on several devices: all of them or none',
    Type.Object({ changed: Type.Integer() }),
    {
      params: labelled,
      body: Type.Object(
        {
          macs: Type.Array(Mac, { minItems: 1, maxItems: 1000 }),
          confirm: Type.Optional(Type.Boolean({ description: CONFIRM })),
        },
        strict,
      ),
    },
  ),
} as const;
