import { ClaireError, connect } from 'claire';

// The embedded server of `claire up` in this directory, or DATABASE_URL.
const claire = await connect({ service: 'my_bot' });
const at = Date.UTC(2024, 0, 12, 15, 20);
const what = { symbol: 'BTCUSDT', side: 'BUY', timestamp: at } as const;

await claire.recordSignal({ ...what, signal_id: 'sig_001', price: '43250.50', confidence: 0.85 });
// The limits of the book decide: it is a PENDING order now, or a REJECTED one with its reason.
const decided = await claire.decide({ signal_id: 'sig_001', order_id: 'order_001', quantity: '0.0231', at });
if (decided.decision === 'rejected') throw new Error(`not traded: ${decided.reason}`);
await claire.transaction(async (t) => {
  await t.fillOrder({ order_id: 'order_001' });
  await t.openTrade({
    trade_id: 'trade_001',
    order_id: 'order_001',
    symbol: 'BTCUSDT',
    side: 'BUY',
    quantity: '0.0231',
    entry_price: '43250.50',
    entry_timestamp: at,
  });
});
await claire.closeTrade({
  trade_id: 'trade_001',
  exit_price: '45100.75',
  exit_timestamp: at + 86_400_000,
  commission: '1.02',
});

const [trade] = await claire.trades({ trade_id: 'trade_001' });
console.log(`gross ${trade?.pnl}, net ${trade?.pnl_net}`);
const error = await claire.fillOrder({ order_id: 'nobody' }).catch((refusal: ClaireError) => refusal);
if (error instanceof ClaireError) console.log(error.code, '-', error.remedy);
await claire.close();
