// How long answers are kept that take a look at every board.

/** Of so many devices they are found anew each time; of more, each is used for so many times as long as it took to find. */
export const SMALL_FLEET = 2_000;
export const KEEP_FACTOR = 20;
