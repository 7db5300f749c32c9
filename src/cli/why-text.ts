import { toJson } from '../database/index.js';
import { trimDecimal } from '../domain/decimal.js';
import { toIso } from '../domain/time.js';
import { list } from './print.js';

/** What the database answers to `why`; numbers are decimals as text, times Unix milliseconds. */
export interface Chain {
  signal: {
    signal_id: string;
    symbol: string;
    side: string;
    price: string;
    confidence: string;
    timestamp: number;
  } | null;
  orders: Order[];
  /** Trades that name no order. */
  trades: Trade[];
  risk_events: { event_type: string; reason: string; details: object | null; timestamp: number }[];
}

interface Order {
  order_id: string;
  symbol: string;
  side: string;
  quantity: string;
  price: string | null;
  status: string;
  rejection_reason: string | null;
  created_at: number;
  decision: Decision | null;
  history: { from: string | null; to: string; reason: string | null; actor: string; at: number }[];
  trades: Trade[];
}

interface Decision {
  decision: 'opening' | 'closing' | 'rejected' | 'direct';
  timestamp: number;
  price: string | null;
  notional: string | null;
  reason: string | null;
  broken: string[];
  details: object | null;
  exposure: string | null;
  position: string | null;
  open_trades: number | null;
  daily_pnl: string | null;
  reserved_quantity: string | null;
  released_reason: string | null;
  actor: string;
  limits: Limits | null;
  symbol_limits: Limits | null;
}

interface Limits {
  version: number;
  max_exposure?: string;
  max_position?: string;
  max_open_trades?: number;
  max_drawdown?: string;
  max_drawdown_pct?: string;
  actor: string;
  reason: string;
}

interface Trade {
  trade_id: string | null;
  id: string;
  side: string;
  symbol: string;
  quantity: string;
  entry_price: string;
  entry_timestamp: number;
  exit_price: string | null;
  exit_timestamp: number | null;
  status: string;
  pnl: string | null;
  pnl_pct: string | null;
  pnl_net: string | null;
  commission: string | null;
}

/** The chain as somebody reads it at night: one thing under the other, in the order in which it came about. */
export function chainText({ signal, orders, trades, risk_events }: Chain): string {
  const parts = [
    signal
      ? `Signal ${signal.signal_id}: ${signal.side} ${signal.symbol} at ${signal.price}, confidence ${signal.confidence}, ${toIso(signal.timestamp)}`
      : 'No signal is named.',
    ...orders.map(orderText),
    ...trades.map((trade) => tradeText(trade).join('\n')),
    ...(signal && orders.length === 0 ? ['Nobody has decided it: no order names it.'] : []),
    ...(risk_events.length > 0 ? [['Risk events', ...indented(risk_events.map(eventText))].join('\n')] : []),
  ];
  return parts.join('\n\n');
}

function orderText(order: Order): string {
  const { order_id, side, quantity, symbol, price, status, rejection_reason, decision } = order;
  const why = rejection_reason === null ? '' : `: ${rejection_reason}`;
  const at = price === null ? 'at the market' : `at ${price}`;
  return [
    `Order ${order_id}: ${side} ${quantity} ${symbol} ${at}, ${status}${why}`,
    ...indented(
      decision ? decisionLines(decision, order) : ['No decision is recorded: it is older than decisions.'],
    ),
    ...indented(['states', ...indented(statesOf(order))]),
    ...indented(order.trades.flatMap(tradeText)),
  ].join('\n');
}

const DECIDED: Record<Decision['decision'], string> = {
  opening: 'accepted, to open',
  closing: 'accepted, to close',
  rejected: 'rejected',
  direct: 'placed without asking (plain SQL)',
};

function decisionLines(decision: Decision, { status, trades }: Order): string[] {
  const { limits, broken, reason, details, released_reason, reserved_quantity } = decision;
  // Summed when somebody decides next: a trade that stands has released it already.
  const mayReserve = status === 'PENDING' || (status === 'FILLED' && trades.length === 0);
  const version = limits ? `, limits version ${limits.version} (${limits.actor}: ${limits.reason})` : '';
  const first = `${DECIDED[decision.decision]} by ${decision.actor}, ${toIso(decision.timestamp)}${version}`;
  const against: [string, string][] =
    broken.length === 0 ? [] : [['broken', `${broken.join(', ')}${reason === null ? '' : `: ${reason}`}`]];
  const more: [string, unknown][] = [
    ...numbersOf(decision),
    ...against,
    ...(details && Object.keys(details).length > 0 ? [['details', toJson(details)] as [string, string]] : []),
    ...(mayReserve && reserved_quantity !== null && trimDecimal(reserved_quantity) !== '0'
      ? [['reserves', reserved_quantity] as [string, string]]
      : []),
    ...(released_reason === null ? [] : [['released', released_reason] as [string, string]]),
  ];
  return [first, ...indented(list(more).split('\n'))];
}

/** The numbers of that moment, before the order, each beside its limit. */
function numbersOf(decision: Decision): [string, string][] {
  const { limits, symbol_limits, notional, price, exposure, position, open_trades, daily_pnl } = decision;
  const percent = limits?.max_drawdown_pct;
  const drawdowns = [plain(limits?.max_drawdown), percent === undefined ? undefined : `${plain(percent)} %`];
  const largestPosition = symbol_limits?.max_position ?? limits?.max_position;
  const numbers = [
    ['value', notional === null ? undefined : `${plain(notional)} at price ${plain(price)}`, undefined],
    ['exposure', plain(exposure), plain(limits?.max_exposure)],
    ['position', plain(position), plain(largestPosition)],
    ['open trades', open_trades?.toString(), limits?.max_open_trades],
    ['profit of the day', plain(daily_pnl), drawdowns.filter(Boolean).join(' or ') || undefined],
  ] as const;
  return numbers.flatMap(([name, value, limit]) =>
    value === undefined ? [] : [[name, limit === undefined ? value : `${value}, limit ${limit}`]],
  );
}

/** A decimal without the zeros that its column gave it. */
const plain = (decimal: string | null | undefined): string | undefined =>
  decimal == null ? undefined : trimDecimal(decimal);

/** Each state with its time and actor. Of an order that was decided the placing stands with the decision, not in the history. */
function statesOf({ status, created_at, decision, history }: Order): string[] {
  const placedBy = decision ? ` by ${decision.actor}` : '';
  const moves = history.map(({ from, to, reason, actor, at }) => {
    const state = from === to ? `${to}, reservation released` : to;
    return `${toIso(at)}  ${state} by ${actor}${reason === null ? '' : `: ${reason}`}`;
  });
  if (history[0]?.from === null) return moves;
  return [`${toIso(created_at)}  ${history[0]?.from ?? status}${placedBy}`, ...moves];
}

function tradeText(trade: Trade): string[] {
  const { trade_id, id, side, quantity, symbol, status, entry_price, entry_timestamp } = trade;
  const lines: [string, string][] = [['entry', `${entry_price}, ${toIso(entry_timestamp)}`]];
  if (trade.exit_price !== null && trade.exit_timestamp !== null) {
    lines.push(['exit', `${trade.exit_price}, ${toIso(trade.exit_timestamp)}`]);
    lines.push(['profit', profitText(trade)]);
  }
  const head = `Trade ${trade_id ?? id}: ${side} ${quantity} ${symbol}, ${status}`;
  return [head, ...indented(list(lines).split('\n'))];
}

function profitText({ pnl, pnl_pct, pnl_net, commission }: Trade): string {
  const percent = pnl_pct === null ? '' : ` (${plain(pnl_pct)} %)`;
  const net =
    pnl_net === null
      ? 'net not known without its commission'
      : `${plain(pnl_net)} net of ${plain(commission)} commission`;
  return `${plain(pnl) ?? 'unknown'} gross${percent}, ${net}`;
}

const eventText = ({ event_type, reason, details, timestamp }: Chain['risk_events'][number]): string =>
  `${toIso(timestamp)}  ${event_type}: ${reason}${details ? ` ${toJson(details)}` : ''}`;

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);
