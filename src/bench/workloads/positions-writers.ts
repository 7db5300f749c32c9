import { LATEST_VERSION } from '../../schema/index.js';
import { runUpkeep } from '../../upkeep/index.js';
import { ratioBar } from '../bars.js';
import { type Book, openBook } from '../book.js';
import { SYMBOLS } from '../data.js';
import { rotated, spread } from '../measure.js';
import type { Bar, Figure, WorkloadOptions } from '../workload.js';
import { closeTrade, differences, openTrade, WRITERS, writeFor } from './positions-trades.js';

/** The same rows under the same indexes, with more and with fewer triggers. */
const VARIANTS = {
  newest: '',
  'without the bookkeeping': `
    drop trigger trades_positions_insert on main.trades;
    drop trigger trades_positions_update on main.trades;
    drop trigger trades_positions_delete on main.trades`,
  bare: 'alter table main.trades disable trigger user',
};
type Variant = keyof typeof VARIANTS;
const NAMES = Object.keys(VARIANTS) as Variant[];

const SETS = [
  { of: '50 symbols', symbols: SYMBOLS, limit: 0.75 },
  { of: 'one symbol', symbols: SYMBOLS.slice(0, 1), limit: 0.6 },
];

/** Copies of a book whose connections are closed, one a variant. */
export async function copiesOf(options: WorkloadOptions, book: Book): Promise<Record<Variant, Book>> {
  const copies: [Variant, Book][] = [];
  for (const [at, name] of NAMES.entries()) {
    options.onProgress(`copying ${book.name}, ${name}`);
    const database = `${book.name}_${at}`;
    const url = await options.place.create(database, book.name);
    const copy = await openBook(options, database, url, LATEST_VERSION);
    await copy.bare.query(VARIANTS[name]);
    copies.push([name, copy]);
  }
  return Object.fromEntries(copies) as Record<Variant, Book>;
}

/** Runs work beside the upkeep as `claire up` runs it. */
export async function withUpkeep<T>(
  { place }: WorkloadOptions,
  url: string,
  work: () => Promise<T>,
): Promise<T> {
  const pool = place.pool(url, 2);
  const end = new AbortController();
  const errors: unknown[] = [];
  const upkeep = runUpkeep(pool, 'main', { signal: end.signal, onError: (error) => errors.push(error) });
  const result = await work().finally(async () => {
    end.abort();
    await upkeep;
    await pool.close();
  });
  // Without its upkeep the newest would look faster than it is.
  if (errors.length > 0) throw errors[0];
  return result;
}

const FULL = { rounds: 5, round_ms: 2000 };

type Rates = Record<Variant, number[]>;
const noRates = (): Rates => Object.fromEntries(NAMES.map((name) => [name, []])) as unknown as Rates;

/** Rounds in turn, so that what the machine does beside falls on all variants alike. */
async function measureRates(
  options: WorkloadOptions,
  copies: Record<Variant, Book>,
  symbols: readonly string[],
): Promise<{ opening: Rates; closing: Rates }> {
  const rates = { opening: noRates(), closing: noRates() };
  const duration_ms = Math.min(FULL.round_ms, options.runs * 20);
  const rounds = Math.min(FULL.rounds, Math.ceil(options.runs / 20));
  for (let round = 0; round < rounds; round++) {
    for (const name of rotated(NAMES, round)) {
      const { url } = copies[name];
      const ids: string[] = [];
      const open = () =>
        writeFor(options, url, duration_ms, async (client) => {
          ids.push(await openTrade(client, symbols));
          return true;
        });
      const close = () =>
        writeFor(options, url, duration_ms, async (client) => {
          const id = ids.pop();
          if (id !== undefined) await closeTrade(client, id);
          return id !== undefined;
        });
      const both = async () => {
        rates.opening[name].push(await open());
        rates.closing[name].push(await close());
      };
      await (name === 'newest' ? withUpkeep(options, url, both) : both());
    }
  }
  return rates;
}

/** Opening and closing trades from ten connections, with the bookkeeping and without. */
export async function measureWriters(
  options: WorkloadOptions,
  copies: Record<Variant, Book>,
  open: number,
): Promise<{ figures: Figure[]; bars: Bar[] }> {
  const figures: Figure[] = [];
  const bars: Bar[] = [];
  for (const { of, symbols, limit } of SETS) {
    options.onProgress(`opening and closing trades of ${of}, ${open} open trades`);
    const measured = await measureRates(options, copies, symbols);
    for (const [verb, rates] of Object.entries(measured)) {
      const what = `${verb} trades of ${of}, ${WRITERS} connections`;
      const spreads = Object.fromEntries(NAMES.map((name) => [name, spread(rates[name], 'high')])) as Record<
        Variant,
        ReturnType<typeof spread>
      >;
      const ratio = (name: Variant, to: Variant) => ({
        to,
        ratio: spreads[name].median / spreads[to].median,
      });
      const ratios: Record<Variant, Figure['ratios']> = {
        newest: [ratio('newest', 'bare'), ratio('newest', 'without the bookkeeping')],
        'without the bookkeeping': [ratio('without the bookkeeping', 'bare')],
        bare: [],
      };
      for (const by of NAMES)
        figures.push({ ...spreads[by], what, by, unit: 'rows/s', rows: open, ratios: ratios[by], facts: {} });
      if (verb !== 'opening') continue;
      const says = spreads.newest.runs >= FULL.rounds;
      bars.push(ratioBar(what, ratios.newest[0]!.ratio, { atLeast: limit }, 'the bare insert', says));
    }
  }
  const differ = await differences(copies.newest.bare);
  bars.push({
    what: `positions after all of these writers, ${open} open trades`,
    bar: 'equal to the open trades',
    measured: `${differ} symbols and sides differ`,
    kept: differ === 0,
    isLaw: true,
  });
  return { figures, bars };
}
