import type { Book } from '../book.js';
import { SYMBOLS } from '../data.js';
import { type Statement, statementOf } from '../explain.js';

/** One way to ask one of the three questions, and the least that such an answer costs through the same door. */
export interface Case {
  what: string;
  /** The version, and for the newest also who asks. */
  by: string;
  run: () => Promise<unknown>;
  /** What `run` has the server do. */
  statement: Statement;
  floor: { is: string; short: string; run: () => Promise<unknown> };
  /** At most this many floors, where the issue promises it. */
  limit?: number;
  facts?: Record<string, string | number>;
}

export const LIBRARY = 'newest';
const SEED_ON_NEWEST = "newest, the seed's statement";

const SIGNALS = 'query 1: last 100 signals of a symbol';
const EXPOSURE = 'query 2: exposure of all symbols';
const EXPOSURE_OF_ONE = 'query 2: exposure of one symbol';
const CONTAINMENT = 'query 3: risk events whose details contain a value';

const SYMBOL = SYMBOLS[0]!;
const CONTAINS = { current_exposure: 4850 };
const LIMITS = { [SIGNALS]: 1.2, [EXPOSURE]: 4, [EXPOSURE_OF_ONE]: 2, [CONTAINMENT]: 2 };

/** As the seed's page writes them; on 1.1 exposure comes from its materialized view. */
const SEED = {
  [SIGNALS]: `select * from signals where symbol = '${SYMBOL}' order by timestamp desc limit 100`,
  [EXPOSURE]: `select symbol, sum(quantity * entry_price) as exposure from trades where status = 'OPEN' group by symbol`,
  [CONTAINMENT]: `select * from risk_events where details @> '${JSON.stringify(CONTAINS)}'`,
};
const FROM_VIEW = 'select symbol, total_value_usd as exposure from positions_realtime';

/** The queries that are answered with one row or with a sum; the others' floor is their own rows. */
const isSum = (what: string) => what === EXPOSURE || what === EXPOSURE_OF_ONE;

/** Stores the rows of an answer in a table that holds nothing else, and gives its name. */
async function storeRows({ bare }: Book, name: string, { text, values }: Statement): Promise<string> {
  await bare.query(`create table floor_${name} as ${text}`, values as unknown[]);
  await bare.query(`vacuum (analyze) floor_${name}`);
  return `main.floor_${name}`;
}

async function floorOf(
  book: Book,
  what: string,
  statement: Statement,
  ask: (text: string) => Promise<unknown>,
  door: string,
): Promise<Case['floor']> {
  if (isSum(what)) return { is: 'select 1', short: '`select 1`', run: () => ask('select 1') };
  const table = await storeRows(book, `${door}_${what === SIGNALS ? 'signals' : 'events'}`, statement);
  return {
    is: 'the same rows from a table that holds nothing else',
    short: 'floor',
    run: () => ask(`select * from ${table}`),
  };
}

async function seedCases(book: Book): Promise<Case[]> {
  const newest = book.version !== '1.0' && book.version !== '1.1';
  const cases: Case[] = [];
  for (const what of [SIGNALS, EXPOSURE, CONTAINMENT] as const) {
    const stored = book.version === '1.1' && what === EXPOSURE;
    const text = stored ? FROM_VIEW : SEED[what];
    cases.push({
      what,
      by: newest ? SEED_ON_NEWEST : book.version,
      run: () => book.bare.query(text),
      statement: { text },
      floor: await floorOf(book, what, { text }, (question) => book.bare.query(question), 'bare'),
      // The seed's sum over trades is beside the promise, which is of exposure as the library reads it.
      ...(newest && !isSum(what) ? { limit: LIMITS[what] } : {}),
      facts: { staleness: stored ? 'up to 5 s and a refresh' : 'none' },
    });
  }
  return cases;
}

/** The same questions through the library; it reads the newest version only. */
async function libraryCases(book: Book): Promise<Case[]> {
  const { claire, pool } = book;
  const contains = { contains: CONTAINS, limit: 1000 };
  const calls = [
    { what: SIGNALS, name: 'signals', input: { symbol: SYMBOL, limit: 100 } },
    { what: EXPOSURE_OF_ONE, name: 'exposure', input: { symbol: SYMBOL } },
    { what: EXPOSURE, name: 'exposure', input: {} },
    { what: CONTAINMENT, name: 'riskEvents', input: contains },
  ] as const;
  const cases: Case[] = [];
  for (const { what, name, input } of calls) {
    const statement = await statementOf(name, input);
    cases.push({
      what,
      by: LIBRARY,
      run: () => (claire[name] as (filters: unknown) => Promise<unknown>)(input),
      statement,
      floor: await floorOf(book, what, statement, (question) => pool.query(question, []), 'claire'),
      limit: LIMITS[what],
      facts: { staleness: 'none' },
    });
  }
  return cases;
}

/** Every way to ask on the version of a book. */
export async function casesOf(book: Book): Promise<Case[]> {
  const seed = await seedCases(book);
  return book.version === '1.0' || book.version === '1.1' ? seed : [...seed, ...(await libraryCases(book))];
}
