import { toIso } from '../domain/time.js';
import { type Candle, type Progress as Reached, type ReplayResult, replay } from '../services/index.js';
import { grouped, list } from './print.js';
import { progress } from './progress.js';
import { connectTo, type Place } from './session.js';

export interface ReplayInput {
  files?: readonly string[];
  candles?: readonly AsyncIterable<Candle>[];
  /** Value of an opening order, other than the risk manager's own. */
  orderSize?: string;
  /** How many candles there are, where no file tells how far it has been read. */
  total?: number;
}

/** Runs candles through the three services, each with a login and a pool of its own, under a progress bar. */
export async function runReplay(
  place: Place,
  book: string,
  { total, ...input }: ReplayInput,
  signal: AbortSignal,
): Promise<ReplayResult> {
  const services = ['signal_engine', 'risk_manager', 'execution_service'] as const;
  const open = await Promise.all(services.map((service) => connectTo(place, book, service)));
  const bar = progress('replay');
  try {
    const [signalEngine, riskManager, executionService] = open as [
      (typeof open)[0],
      (typeof open)[0],
      (typeof open)[0],
    ];
    return await replay({
      ...input,
      connections: { signalEngine, riskManager, executionService },
      signal,
      onProgress: (reached) => bar.update(...extent(reached, total), note(reached)),
    });
  } finally {
    bar.end();
    for (const connection of open) await connection.close();
  }
}

/** Files are measured in bytes: how many candles follow is known at their end only. */
const extent = (
  { candles, bytes, total_bytes }: Reached,
  total: number | undefined,
): [number, number | undefined] =>
  total === undefined && bytes !== undefined ? [bytes, total_bytes] : [candles, total];

const note = ({ candles, timestamp }: Reached): string =>
  `${grouped(candles)} candles, ${toIso(timestamp).slice(0, 10)}`;

/** What a run has added to the record, for people. */
export function replayText(result: ReplayResult, book: string): string {
  const { candles, signals, decisions, orders, trades, finished } = result;
  const read = `${grouped(candles)} candles read`;
  const end = finished ? '' : '\nEnded before the last candle: the same command again goes on from there.';
  const placed = decisions.opening + decisions.closing + decisions.rejected;
  if (signals.recorded + placed + orders.filled + orders.rejected + trades.opened + trades.closed === 0) {
    return `${read}; nothing new was recorded: book ${book} holds what follows from them already.${end}`;
  }
  const added = list([
    ['signals', signals.recorded],
    ['orders', `${placed} (${decisions.rejected} rejected)`],
    ['filled', orders.filled],
    ['trades', `${trades.opened} opened, ${trades.closed} closed`],
  ]);
  return `${read}. Newly recorded in book ${book}:\n${added}${end}`;
}
