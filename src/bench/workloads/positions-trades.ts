import { setTimeout as sleep } from 'node:timers/promises';
import type { BareClient } from '../../database/index.js';
import type { Place } from '../place.js';

/** Seed's view of positions, as a query: what `positions` is held against, and what reading it saves. */
export const AGGREGATE = `
  select symbol, side, sum(quantity) as total_quantity, avg(entry_price) as avg_entry_price, count(*) as num_trades,
    sum(quantity * entry_price) as total_value_usd, min(entry_timestamp) as first_entry,
    max(entry_timestamp) as last_entry
  from main.trades where status = 'OPEN' group by symbol, side`;

/** A trade of the day after the loaded ones. It names no order: so neither way pays for looking one up. */
const OPEN = `insert into main.trades (trade_id, symbol, side, quantity, entry_price, entry_timestamp, status)
  values ($1, $2, $3, 1.5, 20000.25, $4, 'OPEN')`;
const CLOSE = `update main.trades set status = 'CLOSED', exit_price = 20100.5, exit_timestamp = $2
  where trade_id = $1 and status = 'OPEN'`;
const FROM = Date.UTC(2026, 0, 2);

let opened = 0;

/** Opens a trade in a transaction of its own and gives its id. */
export async function openTrade(client: BareClient, symbols: readonly string[]): Promise<string> {
  const n = opened++;
  const id = `bench_${n}`;
  const side = Math.floor(n / symbols.length) % 3 === 0 ? 'SELL' : 'BUY';
  await client.query(OPEN, [id, symbols[n % symbols.length], side, FROM + n]);
  return id;
}

export const closeTrade = (client: BareClient, id: string) =>
  client.query(CLOSE, [id, FROM + opened + 86_400_000]);

/** Number of symbols and sides in which `positions` differs from the open trades, at one moment. */
export async function differences(client: BareClient): Promise<number> {
  const columns = 'symbol, side, total_quantity, num_trades, total_value_usd, first_entry, last_entry';
  const { rows } = await client.query<{ differ: number }>(`
    with recomputed as (select ${columns} from (${AGGREGATE}) as a), read as (select ${columns} from main.positions)
    select count(distinct (symbol, side))::int as differ from (
      (table read except table recomputed) union all (table recomputed except table read)
    ) as d`);
  return rows[0]!.differ;
}

/** Whether there is something left to do; each call does one thing. */
export type Work = (client: BareClient) => Promise<boolean>;

export const WRITERS = 10;

/**
 * Ten connections work as fast as they can: half of the duration to come up to speed, then the duration, which counts.
 * `meanwhile` runs beside what counts. Gives transactions a second; where the work runs out early, up to then.
 */
export async function writeFor(
  { place, signal }: { place: Place; signal: AbortSignal },
  url: string,
  duration_ms: number,
  work: Work,
  meanwhile: () => Promise<void> = async () => {},
): Promise<number> {
  const clients = await Promise.all(Array.from({ length: WRITERS }, () => place.bare(url)));
  let done = 0;
  let running = true;
  const writing = Promise.all(
    clients.map(async (client) => {
      while (running && (await work(client))) done++;
    }),
  ).finally(() => {
    running = false;
  });
  const writeOn = (for_ms: number) => Promise.race([writing, sleep(for_ms, undefined, { signal })]);
  try {
    let from = { done, at: performance.now() };
    await writeOn(duration_ms / 2);
    if (running) from = { done, at: performance.now() };
    await Promise.all([writeOn(duration_ms), meanwhile()]);
    return ((done - from.done) * 1000) / (performance.now() - from.at);
  } finally {
    running = false;
    await writing.finally(() => Promise.all(clients.map((client) => client.end())));
  }
}
