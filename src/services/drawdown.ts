import type { Decimal } from '../domain/decimal.js';
import type { Milliseconds } from '../domain/time.js';
import type { Claire } from '../index.js';
import { readHoldings } from './book-state.js';
import { decimal, exact } from './decimals.js';
import { dayOf, eventId, startOfDay } from './ids.js';
import type { RiskLimits } from './limits.js';
import { errorOf, requireRecorded } from './outcomes.js';

const breakerId = (time: Milliseconds) => eventId(`breaker-${dayOf(time)}`);

/**
 * The event that halts trading at this moment, read from the record: a restart does not resume trading. A breaker of
 * later the same day does not count, as long as the limit was not reached before: a replay that is finished must decide
 * as it would have the first time.
 */
export async function haltAt(
  claire: Claire,
  limits: RiskLimits,
  at: Milliseconds,
): Promise<string | undefined> {
  const event_id = breakerId(at);
  const [event] = await claire.riskEvents({ event_id, limit: 1 });
  if (!event) return undefined;
  return event.timestamp <= at || (await isBroken(claire, limits, at)) ? event_id : undefined;
}

/** Profit of later trades may stand there already when a replay is run again; it is not this moment's. */
const profitAt = async (claire: Claire, at: Milliseconds): Promise<Decimal> =>
  (await claire.profit({ since: startOfDay(at), until: at + 1 })).pnl;

const isBroken = async (claire: Claire, limits: RiskLimits, at: Milliseconds): Promise<boolean> =>
  !decimal(await profitAt(claire, at)).gt(limits.max_drawdown);

/**
 * Halts trading for the rest of the market day where its realized profit up to this moment, this moment included, is
 * at or below the limit: daily_drawdown_exceeded, circuit_breaker_triggered and the cancelled openings, all or nothing.
 * Closing orders stay, and openings that a later order closes stay with it. Once a day.
 */
export async function guardDrawdown(
  claire: Claire,
  limits: RiskLimits,
  at: Milliseconds,
): Promise<{ cancelled: string[] } | undefined> {
  const pnl = await profitAt(claire, at);
  if (decimal(pnl).gt(limits.max_drawdown)) return undefined;
  const [done] = await claire.riskEvents({ event_id: breakerId(at), limit: 1 });
  if (done) return undefined;
  const share = decimal(limits.max_drawdown).div(limits.balance).times(100).round(2).toFixed();
  const reason = `Daily drawdown exceeded ${share}%`;
  const details = {
    daily_pnl: exact(pnl),
    max_drawdown: exact(limits.max_drawdown),
    balance: exact(limits.balance),
  };
  const event = { reason, details, timestamp: at };
  const held = await readHoldings(claire, limits.order_size);
  const cancelled = [...held.values()]
    .flatMap(({ openings, unclosed }) => openings.slice(openings.length - unclosed))
    .map(({ order }) => order.order_id);
  return claire.transaction(async (t) => {
    const events = await t.recordRiskEvents([
      { ...event, event_id: eventId(`drawdown-${dayOf(at)}`), event_type: 'daily_drawdown_exceeded' },
      { ...event, event_id: breakerId(at), event_type: 'circuit_breaker_triggered' },
    ]);
    requireRecorded('risk event', events);
    const moves = await t.cancelOrders(cancelled.map((order_id) => ({ order_id, reason })));
    const failed = moves.map((move) => errorOf('order', move));
    // An order that was filled meanwhile is a fact; it must not keep the halt out of the record.
    const unexpected = failed.find((error) => error && error.code !== 'order_final');
    if (unexpected) throw unexpected;
    return { cancelled: cancelled.filter((_, order) => !failed[order]) };
  });
}
