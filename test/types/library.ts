/**
 * What must compile, and, under each `@ts-expect-error`, what must not: a line there that compiles is an error of
 * `npm run check`.
 */
import {
  type Claire,
  connect,
  type Decimal,
  type Milliseconds,
  type Outcome,
  type Recorded,
  type Verbs,
} from '../../src/index.js';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>) => {};

export async function inputs(claire: Claire) {
  const signal = {
    signal_id: 's',
    symbol: 'X',
    side: 'BUY',
    price: '1.5',
    confidence: 0.5,
    timestamp: 1705072800000,
  } as const;
  await claire.recordSignal(signal);
  await claire.recordSignal({ ...signal, timestamp: new Date(), price: 5n, metadata: { any: 'thing' } });
  // @ts-expect-error a side is BUY or SELL
  await claire.recordSignal({ ...signal, side: 'buy' });
  // @ts-expect-error a price is a decimal, not a date
  await claire.recordSignal({ ...signal, price: new Date() });
  // @ts-expect-error a signal has an id
  await claire.recordSignal({ symbol: 'X', side: 'BUY', price: 1, confidence: 1, timestamp: 1705072800000 });
  // @ts-expect-error there is no such field
  await claire.recordSignal({ ...signal, prize: 1 });
  // @ts-expect-error a batch is an array
  await claire.recordSignals(signal);
  // @ts-expect-error an order is placed as PENDING or REJECTED
  await claire.placeOrder({ order_id: 'o', symbol: 'X', side: 'BUY', quantity: 1, status: 'FILLED' });
  // @ts-expect-error rejecting needs a reason
  await claire.rejectOrder({ order_id: 'o' });
  // @ts-expect-error closing needs a price
  await claire.closeTrade({ trade_id: 't', exit_timestamp: 1705072800000 });
  // @ts-expect-error an unknown type of event
  await claire.recordRiskEvent({ event_type: 'boom', reason: 'r', timestamp: 1705072800000 });
  // @ts-expect-error an unknown state
  await claire.orders({ status: 'OPEN' });
  // @ts-expect-error a service has a name
  await connect({});
}

export async function results(claire: Claire) {
  same<ReturnType<Claire['timings']>['operations'][string]['calls'], number>(true);
  same<Awaited<ReturnType<Claire['recordSignal']>>, Recorded>(true);
  same<Awaited<ReturnType<Claire['recordSignals']>>, Outcome[]>(true);
  const [trade] = await claire.trades();
  if (!trade) return;
  same<typeof trade.quantity, Decimal>(true);
  same<typeof trade.pnl, Decimal | null>(true);
  same<typeof trade.entry_timestamp, Milliseconds>(true);
  same<typeof trade.status, 'OPEN' | 'CLOSED'>(true);
  // @ts-expect-error money is text: it is not added up as a number
  trade.quantity * 2;
  // @ts-expect-error what is read is not written to
  claire.trades = async () => [];
}

export async function transactions(claire: Claire) {
  const answer = await claire.transaction(async (t) => {
    same<typeof t, Verbs>(true);
    // @ts-expect-error a transaction has none inside
    await t.transaction(async () => {});
    // @ts-expect-error a transaction is not closed by hand
    await t.close();
    return 7 as const;
  });
  same<typeof answer, 7>(true);
}

export function outcomes(outcome: Outcome): string {
  switch (outcome.outcome) {
    case 'recorded':
    case 'already_recorded':
      // @ts-expect-error nothing differs here
      return outcome.fields.join();
    case 'conflict':
      return outcome.fields.join();
    case 'refused':
      return outcome.law ?? outcome.remedy;
  }
}
