// The catalog of the database kept in memory under its revision. Correct with any number of server processes: whoever
// uses it first reads the revision from the database, together with the facts of the device, and gets exactly that one.

import type { Database } from '#server/db/database.ts';
import {
  type CatalogRows,
  getRevision,
  loadCatalog,
  type StoredFirmware,
  type StoredImage,
} from '#server/db/firmware/catalog.ts';
import type { StoredConfiguration } from '#server/db/firmware/configurations.ts';
import { EVERY_PRODUCT } from '#server/db/firmware/release-keys.ts';
import { isForProduct, type TrustedKey } from '#server/db/firmware/signatures.ts';
import type { FreezeRow } from '#server/db/fleet/holds.ts';
import { findOutdated } from '#server/db/migrate.ts';
import type { Reader, Trx } from '#server/db/schema.ts';
import type { DeviceFacts, RolloutFacts } from '#engine/facts/model.ts';
import { type BudgetOfDevice, keyOfLabel } from '#engine/facts/budget.ts';
import type { Hold } from '#engine/facts/hold.ts';
import { isOpen } from '#engine/stage/advance.ts';
import { acceptsSecurity, isForEveryone } from '#engine/decision/target.ts';
import { isNamedBy, matchBuild, runningOf } from '#engine/facts/build.ts';
import { likelyChip } from '#engine/facts/hardware.ts';
import { compareVersions, isDirty, namesCommit, versionKey } from '#protocol/device/version.ts';
import { SignatureVerifier } from '#server/service/signatures/signature-verifier.ts';
import { WindowClock } from '#server/service/schedules/windows.ts';

type RunningDevice = Pick<DeviceFacts, 'product' | 'currentVersion' | 'imageSha256' | 'chip' | 'rememberedChips'>;

export interface CatalogView {
  readonly revision: number;
  /** Those that have firmware. */
  readonly products: readonly string[];
  /** The firmware of this version; a leading `v` and build metadata do not count. */
  readonly findFirmware: (product: string, version: string) => StoredFirmware | undefined;
  /** Undefined: it was removed. */
  readonly findById: (id: number) => StoredFirmware | undefined;
  /** Throws where there is none with this key. */
  readonly getFirmware: (id: number) => StoredFirmware;
  /** The firmware that the device runs; undefined also where it runs another build of that version. */
  readonly findRunning: (device: RunningDevice) => StoredFirmware | undefined;
  /** The version of the release that says this of itself by its app descriptor, and was given another name at its upload. */
  readonly findRelease: (said: Omit<RunningDevice, 'rememberedChips'>) => string | undefined;
  /** Every firmware with this version, of any product. */
  readonly listByVersion: (version: string) => readonly StoredFirmware[];
  readonly findBuild: (
    firmwareId: number,
    imageId: number,
  ) => { readonly firmware: StoredFirmware; readonly image: StoredImage } | undefined;
  readonly listImages: () => readonly { readonly firmware: StoredFirmware; readonly image: StoredImage }[];
  /** The one started latest first. */
  readonly openRolloutsOf: (product: string) => readonly RolloutFacts[];
  /** Release keys whose signatures count for the product; empty: it takes what nobody signed. */
  readonly trustedKeysOf: (product: string) => readonly TrustedKey[];
  /** Which pins its boards are sent; undefined: none. */
  readonly configurationOf: (product: string) => StoredConfiguration | undefined;
  readonly configurations: readonly StoredConfiguration[];
  readonly requiredVersionsOf: (product: string) => readonly StoredFirmware[];
  /** Completed rollouts whose firmware is neither blocked nor reverted, the newest firmware first. */
  readonly completedOf: (product: string) => readonly RolloutFacts[];
  /** Of those, the first that is for every device, which is what people mean by the stable build. */
  readonly stableOf: (product: string) => RolloutFacts | undefined;
  /** How long a device of this stage runs the build before it is healthy. */
  readonly soakMsOf: (stageId: number) => number;
  /** The same, seen from devices that leave this firmware: another one, whose security version they accept. */
  readonly priorStableOf: (firmware: StoredFirmware) => RolloutFacts | undefined;
  /** Also one whose end has passed: the rules say when it holds. */
  readonly freezeOf: (product: string) => Hold | undefined;
  /** Those that apply to a device with these labels, not counted. */
  readonly budgetsOf: (labels: DeviceFacts['labels']) => readonly BudgetOfDevice[];
  readonly hasBudgets: boolean;
  readonly windows: WindowClock;
}

export class Catalog {
  readonly #database: Database;
  readonly #verifier = new SignatureVerifier();
  #view: CatalogView | undefined;
  #loading: Promise<CatalogView> | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The view of this revision or of a newer one. */
  async at(revision: number): Promise<CatalogView> {
    if (this.#view !== undefined && this.#view.revision >= revision) return this.#view;
    this.#loading ??= this.#database
      .snapshot(async (reader) => this.#load(reader))
      .then((rows) => this.#keep(rows))
      .finally(() => {
        this.#loading = undefined;
      });
    const loaded = await this.#loading;
    return loaded.revision >= revision ? loaded : this.at(revision);
  }

  /** The view that belongs to this transaction, with what the transaction itself changed. */
  async within(trx: Trx): Promise<CatalogView> {
    const revision = await getRevision(trx);
    // Rows of a transaction may yet be rolled back, so they are never kept.
    return this.#view?.revision === revision ? this.#view : viewOf(await this.#load(trx));
  }

  /** The view of what is committed now. */
  async current(): Promise<CatalogView> {
    return this.at(await getRevision(this.#database.read));
  }

  /** A migration raises the revision: whoever loads the new one asks whether it can still read what is there. */
  async #load(reader: Reader): Promise<CatalogRows> {
    const outdated = this.#database.dialect === 'postgres' ? await findOutdated(reader) : undefined;
    if (outdated === undefined) {
      await this.#verifier.prepare(reader);
      return loadCatalog(reader, this.#verifier.signersOf);
    }
    this.#database.retire(outdated);
    throw outdated;
  }

  #keep(rows: CatalogRows): CatalogView {
    const view = viewOf(rows);
    if (this.#view === undefined || view.revision > this.#view.revision) this.#view = view;
    return this.#view;
  }
}

function viewOf(rows: CatalogRows): CatalogView {
  const firmware = new Map(rows.firmware.map((item) => [item.id, item]));
  const byName = new Map(rows.firmware.map((item) => [nameOf(item.product, item.version), item]));
  const findFirmware: CatalogView['findFirmware'] = (product, version) => byName.get(nameOf(product, version));
  const byVersion = Map.groupBy(rows.firmware, ({ version }) => version);
  const saying = bySaid(rows.firmware);
  const soaks = new Map(rows.rollouts.flatMap(({ opened }) => opened.map(({ id, soakMs }) => [id, soakMs] as const)));
  const open = Map.groupBy(
    rows.rollouts.filter(({ status }) => isOpen(status)),
    (rollout) => rollout.firmware.product,
  );
  const requiredVersions = Map.groupBy(
    rows.firmware.filter(({ isRequired }) => isRequired),
    ({ product }) => product,
  );
  const completed = new Map(
    [...Map.groupBy(rows.rollouts, ({ firmware: { product } }) => product)].map(([product, rollouts]) => [
      product,
      newestFirst(rollouts),
    ]),
  );
  const freezes = new Map(rows.freezes.map((row) => [row.product, freezeFactsOf(row)]));
  return {
    revision: rows.revision,
    products: [...new Set(rows.firmware.map(({ product }) => product))],
    findFirmware,
    findById: (id) => firmware.get(id),
    getFirmware: (id) => {
      const found = firmware.get(id);
      if (found === undefined) throw new Error(`there is no firmware ${id}`);
      return found;
    },
    findRunning: (device) => {
      const named = findFirmware(device.product, device.currentVersion);
      return named !== undefined && matchBuild(named, runningOf(device)) === 'runs_it'
        ? asRunOn(named, device)
        : undefined;
    },
    findRelease: (said) => findRelease(saying, findFirmware, said),
    listByVersion: (version) => byVersion.get(version) ?? [],
    findBuild: (firmwareId, imageId) => {
      const build = firmware.get(firmwareId);
      const image = build?.images.find(({ id }) => id === imageId);
      return build === undefined || image === undefined ? undefined : { firmware: build, image };
    },
    listImages: () => rows.firmware.flatMap((build) => build.images.map((image) => ({ firmware: build, image }))),
    openRolloutsOf: (product) => open.get(product) ?? [],
    trustedKeysOf: trustedKeysBy(rows.trustedKeys),
    configurationOf: (product) => rows.configurations.get(product),
    configurations: [...rows.configurations.values()],
    requiredVersionsOf: (product) => requiredVersions.get(product) ?? [],
    completedOf: (product) => completed.get(product) ?? [],
    stableOf: (product) => completed.get(product)?.find(isForEveryone),
    soakMsOf: (stageId) => soaks.get(stageId) ?? 0,
    priorStableOf: (left) =>
      completed
        .get(left.product)
        ?.find(
          (rollout) =>
            rollout.firmware.id !== left.id && isForEveryone(rollout) && acceptsSecurity(rollout.firmware, left),
        ),
    freezeOf: (product) => freezes.get(product),
    budgetsOf: budgetsBy(rows.budgets),
    hasBudgets: rows.budgets.length > 0,
    windows: new WindowClock(rows),
  };
}

const NO_KEYS: readonly TrustedKey[] = [];

/** Worked out once for each product that is asked for: every check-in asks. */
function trustedKeysBy(keys: CatalogRows['trustedKeys']): CatalogView['trustedKeysOf'] {
  if (keys.length === 0) return () => NO_KEYS;
  const everywhere = keys.filter(({ product }) => product === EVERY_PRODUCT);
  const byProduct = new Map(
    [...new Set(keys.map(({ product }) => product))].map((name) => [
      name,
      keys.filter(({ product }) => isForProduct(product, name)),
    ]),
  );
  return (product) => byProduct.get(product) ?? everywhere;
}

const NO_BUDGETS: readonly BudgetOfDevice[] = [];

function budgetsBy(rows: CatalogRows['budgets']): CatalogView['budgetsOf'] {
  const budgets = new Map(
    rows.map(({ key, max_devices, max_pct }) => [
      key,
      { key, maxDevices: max_devices ?? undefined, maxPct: max_pct ?? undefined },
    ]),
  );
  if (budgets.size === 0) return () => NO_BUDGETS;
  return (labels) =>
    labels.flatMap(({ name }) => {
      const budget = budgets.get(keyOfLabel(name) ?? '');
      return budget === undefined ? [] : [{ label: name, budget, use: undefined }];
    });
}

/**
 * A board with stock ESP-IDF reports what its app descriptor says. Its digest tells which release that is; without one, the hash of
 * a commit does, if only one release of the product was built from it and all of its changes were committed.
 */
function findRelease(
  saying: ReadonlyMap<string, readonly StoredFirmware[]>,
  findFirmware: CatalogView['findFirmware'],
  { product, currentVersion, imageSha256, chip }: Omit<RunningDevice, 'rememberedChips'>,
): string | undefined {
  const key = nameOf(product, currentVersion);
  const found = saying
    .get(key)
    ?.filter(({ images }) =>
      images.some(
        (image) =>
          saysOf(product, image) === key &&
          (chip === undefined || image.chip === chip) &&
          isNamedBy(image, { imageSha256 }) !== false,
      ),
    );
  const [only, ...others] = found ?? [];
  if (only === undefined || others.length > 0) return undefined;
  if (isNamedBy(NO_DIGESTS, { imageSha256 }) !== undefined) return only.version;
  const isTold = namesCommit(currentVersion) && !isDirty(currentVersion);
  return isTold && findFirmware(product, currentVersion) === undefined ? only.version : undefined;
}

/** Firmware by what the app descriptors of its images say, where that is another version than its name. */
function bySaid(all: readonly StoredFirmware[]): ReadonlyMap<string, readonly StoredFirmware[]> {
  const pairs = all.flatMap((firmware) => {
    const keys = firmware.images.map((image) => saysOf(firmware.product, image));
    const others = keys.filter((key) => key !== undefined && key !== nameOf(firmware.product, firmware.version));
    return [...new Set(others)].map((key) => ({ key, firmware }));
  });
  return new Map(
    [...Map.groupBy(pairs, ({ key }) => key ?? '')].map(([key, found]) => [key, found.map(({ firmware }) => firmware)]),
  );
}

function freezeFactsOf(row: FreezeRow): Hold {
  return { reason: row.reason, untilMs: row.until_ms ?? undefined, holdsWayBack: row.holds_way_back === 1 };
}

function saysOf(product: string, { saidVersion }: StoredImage): string | undefined {
  return saidVersion === undefined ? undefined : nameOf(product, saidVersion);
}

const NO_DIGESTS = { sha256: '', elfSha256: undefined, appendedSha256: undefined };

/** The firmware as this device runs it: reverted where its image is, as far as its digest or its chip says which. */
export function asRunOn(firmware: StoredFirmware, device: RunningDevice): StoredFirmware {
  const { images, version } = firmware;
  const named = images.filter((image) => matchBuild({ version, images: [image] }, runningOf(device)) === 'runs_it');
  const image = named.length === 1 ? named[0] : images.find(({ chip }) => chip === likelyChip(device));
  return image === undefined || image.reverted === firmware.reverted
    ? firmware
    : { ...firmware, reverted: image.reverted };
}

/** Of a product no two versions differ in build metadata alone, so this names one firmware. */
function nameOf(product: string, version: string): string {
  return `${product} ${versionKey(version)}`;
}

function newestFirst(rollouts: readonly RolloutFacts[]): readonly RolloutFacts[] {
  return rollouts
    .filter(({ status, firmware }) => status === 'complete' && !firmware.blocked && !firmware.reverted)
    .toSorted(
      (left, right) => (compareVersions(right.firmware.version, left.firmware.version) ?? 0) || right.id - left.id,
    );
}
