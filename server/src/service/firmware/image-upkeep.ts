// Looks after the stored images with each tick, in small steps: removes what no image has, shows what people should see, reads
// images again when it is time. At the start it takes over a store of version 0.1.

import { STORE_SWEEP_MS } from '#protocol/limits.ts';
import { forgetChecks } from '#server/db/firmware/image-checks.ts';
import { adoptImages } from '#server/storage/adopt-images.ts';
import { leaveStopMark, takeStopMark } from '#server/storage/clean-stop.ts';
import { removeStaleUploads } from '#server/storage/store-folders.ts';
import type { ImageDeps } from './image-deps.ts';
import { checkDue } from './image-checks.ts';
import { showAll, toShown } from './shown-firmware.ts';
import { UnnamedBlobs } from './unnamed-blobs.ts';

export type UpkeepDeps = ImageDeps & {
  /** Milliseconds since any instant; nobody sets it. */
  readonly steadyClock: () => number;
};

export class ImageUpkeep {
  readonly #deps: UpkeepDeps;
  readonly #unnamed: UnnamedBlobs;
  #sweptAtMs: number;
  #checksRestUntilMs = Number.NEGATIVE_INFINITY;

  constructor(deps: UpkeepDeps) {
    this.#deps = deps;
    this.#unnamed = new UnnamedBlobs(deps);
    this.#sweptAtMs = deps.steadyClock();
  }

  /** Before anybody can ask for an image. After a stop that was none, every image is due to be read again. */
  async start(): Promise<void> {
    const { database, catalog, folders, log } = this.#deps;
    const images = (await catalog.current()).listImages().map(({ firmware, image }) => toShown(firmware, image));
    const { adopted, failed } = await adoptImages(folders, images);
    if (adopted > 0) log.info({ images: adopted }, 'stored images are kept by their content from now on');
    for (const { image, error } of failed)
      log.error({ err: error, image: image.place }, 'an image could not be taken over; the next start tries again');
    await showAll(this.#deps);
    if (!(await this.#wasStopped()) && images.length > 0) await database.write(async (trx) => forgetChecks(trx));
  }

  /** A disk that takes no change is no reason not to serve what is on it. */
  async #wasStopped(): Promise<boolean> {
    try {
      return await takeStopMark(this.#deps.folders);
    } catch (error) {
      this.#deps.log.warn(
        { err: error },
        'the mark of the last stop cannot be taken away: all stored images are read again',
      );
      return false;
    }
  }

  async tick(nowMs: number): Promise<void> {
    const steadyMs = this.#deps.steadyClock();
    if (steadyMs - this.#sweptAtMs >= STORE_SWEEP_MS) {
      this.#sweptAtMs = steadyMs;
      await removeStaleUploads(this.#deps.folders);
      await this.#unnamed.sweep(steadyMs);
      await showAll(this.#deps);
    }
    if (steadyMs < this.#checksRestUntilMs) return;
    if (!(await checkDue(this.#deps, nowMs))) this.#checksRestUntilMs = steadyMs + STORE_SWEEP_MS;
  }

  /** After everything else has stopped. */
  async stop(): Promise<void> {
    try {
      await leaveStopMark(this.#deps.folders);
    } catch (error) {
      this.#deps.log.warn({ err: error }, 'the next start reads all stored images again: this stop left no mark');
    }
  }
}
