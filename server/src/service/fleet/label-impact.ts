// What a change of labels would do to the rollouts that are under way. Such a change is refused with that answer until it is
// said again with a yes; asked inside the transaction that makes the change, so that the answer is about what would happen.

import { listMemberships } from '#server/db/rollouts/stage-members.ts';
import { assertNever, OtterError } from '#protocol/errors.ts';
import {
  listDevicePage,
  listLabelTimes,
  listOpenStates,
  type PagedDevice,
  type Which,
} from '#server/db/fleet/device-pages.ts';
import { listStages, listUnendedByLabel, type Rollout } from '#server/db/rollouts/rollouts.ts';
import type { Trx } from '#server/db/schema.ts';
import { isOpen } from '#engine/stage/advance.ts';
import { type Forecast, type LabelEffect, labelEffect } from '#engine/decision/forecast.ts';
import type { AssignmentState } from '#engine/facts/model.ts';
import type { CatalogView } from '#server/service/firmware/catalog.ts';
import { deviceFactsOf } from '#server/service/device/facts.ts';
import { forecastOf } from '#server/service/rollouts/forecast.ts';
import type { Deps } from '#server/service/deps.ts';

const PAGE = 250;
/** So much is said of each rollout; an answer is small. */
const MAX_EXAMPLES = 2;
const MAX_EFFECTS = 3;

export interface LabelChange {
  readonly label: string;
  /** Put on: asked after it was done. Taken off: before. */
  readonly change: 'put_on' | 'take_off';
  readonly which: Which;
  /** Drafts count too: the label is about to go altogether. */
  readonly includesDrafts: boolean;
}

/** Throws `confirmation_needed` where a stage of a rollout under way is for this label and a device of its product changes. */
export async function refuseUnconfirmed(deps: Deps, trx: Trx, change: LabelChange): Promise<void> {
  const said = await impactOf(deps, trx, change);
  if (said.length === 0) return;
  throw new OtterError('confirmation_needed', said.join('; '), 'repeat the command with --yes (confirm=true)');
}

/** What it would do to each rollout under way that has a stage for this label; empty: nothing. */
export async function impactOf(deps: Deps, trx: Trx, change: LabelChange): Promise<readonly string[]> {
  const rollouts = (await listUnendedByLabel(trx, change.label)).filter(
    ({ status }) => change.includesDrafts || isOpen(status),
  );
  if (rollouts.length === 0) return [];
  const view = await deps.catalog.within(trx);
  const said: string[] = [];
  for (const rollout of rollouts) {
    const impact = await impactOn(trx, view, rollout, change);
    if (impact !== undefined) said.push(impact);
  }
  return said;
}

/** Undefined where no device of its product changes. */
async function impactOn(trx: Trx, view: CatalogView, row: Rollout, change: LabelChange): Promise<string | undefined> {
  const firmware = view.findFirmware(row.product, row.version);
  if (firmware === undefined) throw new Error('a rollout without firmware');
  const stages = await listStages(trx, [row.id]);
  // Labels decide who belongs to it, whatever images it covers.
  const forecast = forecastOf(row, stages, { firmware, imageIds: [] });
  const effects = await countEffects(trx, forecast, { ...change, which: { ...change.which, product: row.product } });
  if (effects.size === 0 && !change.includesDrafts) return undefined;
  const names = stages.filter(({ label }) => label === change.label).map(({ name }) => name);
  const head = `label ${change.label} is stage ${names.join(' and ')} of rollout ${row.name} (${row.status}): `;
  if (effects.size === 0) return `${head}no device has it`;
  const told = [...effects].toSorted(([, left], [, right]) => right.devices - left.devices);
  const more = told.length > MAX_EFFECTS ? ', and more' : '';
  return (
    head +
    told
      .slice(0, MAX_EFFECTS)
      .map(([text, who]) => `${nameAll(who)} ${text}`)
      .join(', ') +
    more
  );
}

interface Affected {
  readonly devices: number;
  readonly examples: readonly string[];
}

/** How many devices the change does what to. */
async function countEffects(trx: Trx, forecast: Forecast, change: LabelChange): Promise<ReadonlyMap<string, Affected>> {
  const effects = new Map<string, Affected>();
  for (let afterId = 0; ;) {
    const page = await listDevicePage(trx, change.which, { afterId, limit: PAGE });
    for (const [text, firstName] of await effectsOn(trx, forecast, change, page)) {
      const { devices, examples } = effects.get(text) ?? { devices: 0, examples: [] };
      effects.set(text, {
        devices: devices + 1,
        examples: examples.length < MAX_EXAMPLES ? [...examples, firstName] : examples,
      });
    }
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return effects;
    afterId = last.id;
  }
}

async function effectsOn(
  trx: Trx,
  forecast: Forecast,
  { label, change }: LabelChange,
  page: readonly PagedDevice[],
): Promise<readonly (readonly [text: string, firstName: string])[]> {
  const ids = page.map(({ id }) => id);
  const labels = await listLabelTimes(trx, ids);
  const memberships = await listMemberships(trx, ids);
  const open = await listOpenStates(trx, forecast.rollout.id, ids);
  return page.map((row) => {
    const current = labels.get(row.id) ?? [];
    const withLabel = deviceFactsOf(row, current, memberships.get(row.id));
    const without = deviceFactsOf(
      row,
      current.filter(({ name }) => name !== label),
      memberships.get(row.id),
    );
    const effect =
      change === 'put_on' ? labelEffect(forecast, without, withLabel) : labelEffect(forecast, withLabel, without);
    return [textOf(effect, open.get(row.id)), row.first_name];
  });
}

function textOf(effect: LabelEffect, state: AssignmentState | undefined): string {
  switch (effect.kind) {
    case 'joins':
      return `would join it when stage ${effect.stage} opens`;
    case 'joins_anyway':
      return `would join it when stage ${effect.stage} opens, with the label or without`;
    case 'joins_later':
      return effect.instead === undefined
        ? `would not join it any more when stage ${effect.stage} opens`
        : `would join it when stage ${effect.instead} opens instead of stage ${effect.stage}`;
    case 'leaves':
      return `would leave it at once${effect.backAt === undefined ? '' : ` until stage ${effect.backAt} opens`}${offerText(state)}`;
    case 'stays':
      return 'would stay in it by another stage';
    case 'stays_out':
      return 'would not join it: no stage that is still to open takes it';
    default:
      return assertNever(effect);
  }
}

/** A board that is installing goes on to its end; every other gives up (`engine/decision/plan-check-in.ts`). */
function offerText(state: AssignmentState | undefined): string {
  if (state === undefined) return '';
  return state === 'installing' || state === 'trial'
    ? ` (${state}: that goes on to its end)`
    : `; the open offer (${state}) would end`;
}

function nameAll({ devices, examples }: Affected): string {
  const more = devices - examples.length;
  return examples.join(', ') + (more > 0 ? ` and ${more} more` : '');
}
