/** How long a batch should take: long enough to be worth its commit, short enough that nobody notices it. */
const TARGET_MS = 75;
const FIRST = 1000;
const FEWEST = 100;
const MOST = 10_000;
/** The pause is this many times as long as the batch: alone it has two thirds of the time, beside much work a ninth. */
const [SHORTEST, LONGEST] = [0.5, 8];
/** Removing a row costs so many times what looking at it costs; only their order of magnitude matters. */
const REMOVAL = 10;
/** What a row costs at best is forgotten slowly: the rows of another month may be larger. */
const FORGET = 1.002;

/**
 * The size of batches and the pauses between them. A batch that takes longer than the best one did, for as many rows,
 * shows that others work: then it waits longer, and leaves the time to them.
 */
export class Pace {
  #size = FIRST;
  #best = Number.POSITIVE_INFINITY;

  /** How many rows the next batch should look at. */
  get size(): number {
    return this.#size;
  }

  /** Takes in what a batch took, and gives the pause after it, in milliseconds. */
  after(batch: { looked: number; removed: number }, took_ms: number): number {
    const work = Math.max(1, batch.looked + REMOVAL * batch.removed);
    const cost = took_ms / work;
    // A small batch is mostly its round trip, which says nothing of the rows.
    if (batch.looked >= FEWEST) this.#best = Math.min(this.#best * FORGET, cost);
    const slowness = Number.isFinite(this.#best) ? cost / this.#best : 1;
    const grown = this.#size * between(0.5, TARGET_MS / Math.max(1, took_ms), 2);
    // One that was not full says nothing of a full one.
    if (batch.looked >= this.#size || grown < this.#size)
      this.#size = Math.round(between(FEWEST, grown, MOST));
    // Squared: a little slower is the machine's mood, twice as slow is somebody.
    return took_ms * between(SHORTEST, SHORTEST * slowness ** 2, LONGEST);
  }
}

/** The pause after a batch that met somebody's lock. */
export const HELD_MS = 1000;

const between = (least: number, value: number, most: number): number =>
  Math.min(most, Math.max(least, value));
