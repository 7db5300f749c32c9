import type { Claire } from '../claire.js';
import { counted, list } from './print.js';

export type Summary = Awaited<ReturnType<Claire['summary']>>;

/** What a book holds, for people. */
export function summaryText(summary: Summary): string {
  const commission =
    summary.commission_unknown > 0 ? `, without ${summary.commission_unknown} not yet known` : '';
  const quarantined = `${summary.quarantined} (see \`claire quarantine list --state held\`)`;
  return list([
    ['signals', summary.signals],
    ['orders', parts(summary.orders)],
    ['risk events', parts(summary.risk_events)],
    ['open positions', `${summary.open_positions} (${counted(summary.open_trades, 'trade')})`],
    ['closed trades', summary.closed_trades],
    ['gross profit', summary.pnl],
    ['net profit', `${summary.pnl_net} (commission ${summary.commission}${commission})`],
    ...(summary.quarantined > 0 ? [['in quarantine', quarantined] as const] : []),
  ]);
}

function parts(counts: Record<string, number>): string {
  const names = Object.keys(counts).sort();
  const total = names.reduce((sum, name) => sum + counts[name]!, 0);
  return total === 0 ? '0' : `${total} (${names.map((name) => `${name} ${counts[name]}`).join(', ')})`;
}
