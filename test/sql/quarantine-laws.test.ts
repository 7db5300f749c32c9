import { describe, expect, test } from 'vitest';
import { refusal, useBook } from '../harness/book.js';
import { closed, oldRows, T, type Table, type Values } from '../harness/old-rows.js';

const book = useBook();
const { insertOld, quarantine, printed, everything, brokenChecks } = oldRows(book);

/** For every law of a row: what breaks it and nothing else, and what mends it; nothing mends ids and times of recording. */
const crimes: Record<string, { bad: Values; mend?: Record<string, string | null> }> = {
  signals_price_check: { bad: { price: `'NaN'` }, mend: { price: '1.5' } },
  signals_price_decimals_check: { bad: { price: '0.123456789' }, mend: { price: '0.12345679' } },
  signals_confidence_check: { bad: { confidence: '85' }, mend: { confidence: '0.85' } },
  signals_side_check: { bad: { side: `'LONG'` }, mend: { side: 'BUY' } },
  signals_timestamp_check: { bad: { timestamp: `${T}000` }, mend: { timestamp: `${T}` } },
  signals_signal_id_check: { bad: { signal_id: `' '` } },
  signals_symbol_check: { bad: { symbol: `' X'` }, mend: { symbol: 'X' } },
  signals_created_at_check: { bad: { created_at: `'infinity'` } },
  orders_quantity_check: { bad: { quantity: `'NaN'` }, mend: { quantity: '2' } },
  orders_quantity_decimals_check: { bad: { quantity: '0.123456789' }, mend: { quantity: '0.1' } },
  orders_price_check: { bad: { price: '0' }, mend: { price: null } },
  orders_price_decimals_check: { bad: { price: '0.123456789' }, mend: { price: '0.1' } },
  orders_side_check: { bad: { side: `'buy it'` }, mend: { side: 'BUY' } },
  orders_status_check: { bad: { status: `'SENT'` }, mend: { status: 'FILLED' } },
  orders_timestamp_check: { bad: { timestamp: '1' }, mend: { timestamp: null } },
  orders_order_id_check: { bad: { order_id: `''` } },
  orders_symbol_check: { bad: { symbol: `''` }, mend: { symbol: 'X' } },
  orders_rejection_reason_check: {
    bad: { status: `'REJECTED'` },
    mend: { rejection_reason: 'not known any more' },
  },
  orders_created_at_check: { bad: { created_at: `'-infinity'` } },
  orders_updated_at_check: { bad: { updated_at: `'infinity'` } },
  trades_quantity_check: { bad: { quantity: `'NaN'` }, mend: { quantity: '3' } },
  trades_quantity_decimals_check: { bad: { quantity: '0.123456789' }, mend: { quantity: '0.1' } },
  trades_entry_price_check: { bad: { entry_price: `'NaN'` }, mend: { entry_price: '10' } },
  trades_entry_price_decimals_check: { bad: { entry_price: '0.123456789' }, mend: { entry_price: '0.1' } },
  trades_exit_price_check: { bad: { ...closed, exit_price: `'NaN'` }, mend: { exit_price: '3' } },
  trades_exit_price_decimals_check: {
    bad: { ...closed, exit_price: '0.123456789' },
    mend: { exit_price: '0.1' },
  },
  trades_commission_check: { bad: { commission: `'NaN'` }, mend: { commission: null } },
  trades_commission_decimals_check: { bad: { commission: '0.123456789' }, mend: { commission: '0.1' } },
  trades_side_check: { bad: { side: `'HOLD'` }, mend: { side: 'SELL' } },
  trades_status_check: { bad: { status: `'HALF'` }, mend: { status: 'OPEN' } },
  trades_entry_timestamp_check: { bad: { entry_timestamp: '7' }, mend: { entry_timestamp: `${T}` } },
  trades_exit_timestamp_check: {
    bad: { ...closed, exit_timestamp: `${T - 1}` },
    mend: { exit_timestamp: `${T}` },
  },
  trades_closed_check: { bad: { status: `'CLOSED'` }, mend: { exit_price: '2', exit_timestamp: `${T}` } },
  trades_trade_id_check: { bad: { trade_id: `''` } },
  trades_symbol_check: { bad: { symbol: `'X '` }, mend: { symbol: 'X' } },
  trades_created_at_check: { bad: { created_at: `'infinity'` } },
  risk_events_type_check: { bad: { event_type: `'boom'` }, mend: { event_type: 'signal_rejected' } },
  risk_events_timestamp_check: { bad: { timestamp: '5' }, mend: { timestamp: `${T}` } },
  risk_events_event_id_check: { bad: { event_id: `''` } },
  risk_events_symbol_check: { bad: { symbol: `''` }, mend: { symbol: null } },
  risk_events_reason_check: { bad: { reason: `' '` }, mend: { reason: 'not known any more' } },
  risk_events_created_at_check: { bad: { created_at: `'infinity'` } },
};

const tableOf = (law: string) => /^(signals|orders|trades|risk_events)/.exec(law)![0] as Table;

describe('every law of a row', () => {
  test('is broken here on purpose', async () => {
    const rows = await book.sql<{ name: string }>(
      `select conname as name from pg_constraint where contype = 'c'
       and conrelid in ('signals'::regclass, 'orders'::regclass, 'trades'::regclass, 'risk_events'::regclass)`,
    );
    expect(Object.keys(crimes).sort()).toEqual(rows.map(({ name }) => name).sort());
  });

  test.each(Object.entries(crimes))('%s', async (law, { bad, mend }) => {
    const claire = await book.connect();
    const table = tableOf(law);
    const id = await insertOld(table, [law], bad);
    const total = await everything();
    const held = await quarantine(table, id, [law]);
    expect(await everything()).toBe(total);
    await book.sql(`alter table ${table} validate constraint ${law}`);
    expect(await brokenChecks()).toEqual([]);
    const asItWas = claire.releaseQuarantined({ id: held, reason: 'as it was' });
    expect((await refusal(asItWas)).law).toBe(law);
    if (mend) {
      await claire.releaseQuarantined({ id: held, changes: mend, reason: 'mended' });
      expect(await printed(table, id)).toBeDefined();
    } else await claire.discardQuarantined({ id: held, reason: 'nothing mends it' });
    expect(await everything()).toBe(total);
    expect(await brokenChecks()).toEqual([]);
  });
});
