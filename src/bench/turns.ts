import { ratioBar } from './bars.js';
import { rotated, spread } from './measure.js';
import type { Bar, Figure } from './workload.js';

/** What a writer did in its turn: rows that were committed, and the milliseconds that it took. */
export interface Turn {
  rows: number;
  took: number;
  /** How long each call waited for its answer, where that is of interest. */
  latencies?: number[];
}

/** Somebody who writes. */
export interface Writer {
  by: string;
  /** Others of the same turns that it is compared with, by `by`. */
  beside?: readonly string[];
  facts?: Record<string, string | number>;
  /** Writes for about so many milliseconds. `ids` begins the ids of its rows and is new each time. */
  turn(ids: string, milliseconds: number): Promise<Turn>;
}

export interface Pace {
  rounds: number;
  milliseconds: number;
  signal: AbortSignal;
  /** Done before each turn and not counted. */
  before(): Promise<unknown>;
  onTurn(by: string): void;
}

export interface Measured {
  writer: Writer;
  rates: number[];
  latencies: number[];
}

let turns = 0;

/**
 * Lets writers write in turn, round after round, so that whatever the machine does beside falls on all alike. The first
 * round, a quarter as long, warms up and is not counted.
 */
export async function inTurns(writers: readonly Writer[], pace: Pace): Promise<Measured[]> {
  const measured = writers.map((writer): Measured => ({ writer, rates: [], latencies: [] }));
  for (let round = 0; round <= pace.rounds; round++) {
    const milliseconds = round === 0 ? pace.milliseconds / 4 : pace.milliseconds;
    for (const { writer, rates, latencies } of rotated(measured, round)) {
      pace.signal.throwIfAborted();
      await pace.before();
      pace.onTurn(writer.by);
      const { rows, took, latencies: waited = [] } = await writer.turn(`w${++turns}_`, milliseconds);
      if (round === 0) continue;
      rates.push((rows * 1000) / took);
      for (const each of waited) latencies.push(each);
    }
  }
  return measured;
}

/** `count` callers, each of which calls again as soon as it was answered. */
export async function callers(
  count: number,
  milliseconds: number,
  call: (caller: number, n: number) => Promise<unknown>,
): Promise<Turn> {
  const latencies: number[] = [];
  const begun = performance.now();
  let n = 0;
  const one = async (_: unknown, caller: number) => {
    for (let now = performance.now(); now - begun < milliseconds; ) {
      await call(caller, n++);
      const then = performance.now();
      latencies.push(then - now);
      now = then;
    }
  };
  await Promise.all(Array.from({ length: count }, one));
  return { rows: latencies.length, took: performance.now() - begun, latencies };
}

/** One caller with batches; making them is not counted. */
export async function batches<Item>(
  milliseconds: number,
  make: (from: number) => Item[],
  write: (items: Item[]) => Promise<unknown>,
): Promise<Turn> {
  let [rows, took] = [0, 0];
  while (took < milliseconds) {
    const items = make(rows);
    const begun = performance.now();
    await write(items);
    took += performance.now() - begun;
    rows += items.length;
  }
  return { rows, took };
}

/** Rates of all, each over those that it is compared with, and how long calls waited. */
export function figuresOf(
  what: string,
  measured: readonly Measured[],
  unit: Figure['unit'] = 'rows/s',
): Figure[] {
  const medians = new Map(measured.map(({ writer, rates }) => [writer.by, spread(rates).median]));
  const rates = measured.map(({ writer: { by, beside = [], facts = {} }, rates }): Figure => {
    const ratios = beside
      .filter((to) => medians.has(to))
      .map((to) => ({ to, ratio: medians.get(by)! / medians.get(to)! }));
    return { what, by, unit, ratios, facts, ...spread(rates, 'high') };
  });
  const waits = measured
    .filter(({ latencies }) => latencies.length > 0)
    .map(
      ({ writer: { by, facts = {} }, latencies }): Figure => ({
        what: `${what}: time to the answer`,
        by,
        unit: 'ms',
        ratios: [],
        facts,
        ...spread(latencies),
      }),
    );
  return [...rates, ...waits];
}

/** A writer promises to be at least so many times as fast as another. */
export interface Promised {
  what: string;
  by: string;
  to: string;
  least: number;
}

/** Under this many rounds a median says nothing. */
const ENOUGH_ROUNDS = 5;

/** What became of promises; one whose figures are not there is left out. */
export function barsOf(promises: readonly Promised[], figures: readonly Figure[]): Bar[] {
  return promises.flatMap(({ what, by, to, least }): Bar[] => {
    const figure = figures.find((each) => each.what === what && each.by === by);
    const ratio = figure?.ratios.find((each) => each.to === to)?.ratio;
    if (!figure || ratio === undefined) return [];
    return [ratioBar(`${what}: ${by}`, ratio, { atLeast: least }, to, figure.runs >= ENOUGH_ROUNDS)];
  });
}
