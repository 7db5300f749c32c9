import type { ComponentChildren } from 'preact';
import { type Caller, get, type Rows } from '../api.js';
import { show } from '../exact.js';
import { live, type Told } from '../live.js';
import { useLoad } from '../load.js';
import type { Halt, Order, RiskEvent, Trade } from '../record.js';
import { useStore } from '../store.js';
import { clock, DAY, day, stamp } from '../time.js';
import { Empty, Failure, Panel, Skeleton } from '../ui/panel.js';
import { Gain, Id, SideOf, Status, words } from '../ui/values.js';

const SHOWN = 60;
const BEFORE = 15;

/** What was recorded last before the page was opened, so that a quiet desk is no empty list. */
async function earlier(caller: Caller): Promise<Told[]> {
  const newest = async <Row extends { id: string; created_at: number }>(path: string) =>
    (await get<Rows<Row>>(caller, path, { limit: BEFORE })).rows;
  const all = await Promise.all([
    newest<Order & { id: string }>('/v1/orders').then((rows) =>
      rows.map((row) => ({ what: 'order' as const, row })),
    ),
    newest<Trade & { created_at: number }>('/v1/trades').then((rows) =>
      rows.map((row) => ({ what: 'trade' as const, row })),
    ),
    newest<RiskEvent>('/v1/risk-events').then((rows) =>
      rows.map((row) => ({ what: 'risk_event' as const, row })),
    ),
    newest<Halt>('/v1/halts').then((rows) => rows.map((row) => ({ what: 'halt' as const, row }))),
  ]);
  return all
    .flat()
    .map((one) => ({ ...one, key: `${one.what} ${one.row.id}`, at_ms: one.row.created_at }))
    .sort((a, b) => b.at_ms - a.at_ms);
}

/** Orders, trades, risk events and halts as they are committed. */
export function Events() {
  const told = useStore(live.events);
  const before = useLoad('events before', earlier);
  const connection = useStore(live.connection);
  const at_ms = before.at_ms && Math.max(before.at_ms, 'true_ms' in connection ? connection.true_ms : 0);
  const events = [
    ...told,
    ...(before.data ?? []).filter(({ key }) => !told.some((one) => keyOf(one) === key)),
  ];
  return (
    <Panel
      title="Events"
      unit="newest first, UTC"
      tall="high"
      isLive={connection.state === 'live'}
      at_ms={at_ms}
    >
      {before.error && <Failure error={before.error} again={before.again} isOld={events.length > 0} />}
      {events.length === 0 && !before.data && !before.error && <Skeleton />}
      {events.length === 0 && before.data && (
        <Empty command="claire replay CANDLES.csv">
          Nothing was committed since this page is open. Orders, trades, risk events and halts appear here as
          they are written; what was before is under Trades and Risk.
        </Empty>
      )}
      {events.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard
        <ol class="events" tabIndex={0} aria-label="Events">
          {events.slice(0, SHOWN).map((told) => (
            <li key={told.key}>
              <time title={`${stamp(told.at_ms)} UTC`}>{clockOrDay(told.at_ms)}</time>
              <Line told={told} />
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

/** The time of today, the day of anything older. */
const clockOrDay = (at_ms: number): string => (Date.now() - at_ms < DAY ? clock(at_ms) : day(at_ms));

const keyOf = ({ what, row }: Told): string => `${what} ${(row as { id?: string }).id}`;

function Line({ told }: { told: Told }): ComponentChildren {
  const by = told.actor && <span class="actor">{told.actor}</span>;
  if (told.what === 'order') {
    const { order_id, side, quantity, symbol, status, rejection_reason } = told.row;
    return (
      <span>
        <Status of={status} /> <SideOf side={side} /> {show(quantity)} {symbol} <Id of={order_id} />
        {rejection_reason && <> – {rejection_reason}</>} {by}
      </span>
    );
  }
  if (told.what === 'trade') {
    const { trade_id, side, quantity, symbol, entry_price, exit_price, status, pnl_net, pnl } = told.row;
    return (
      <span>
        <Status of={status} /> <SideOf side={side} /> {show(quantity)} {symbol} at{' '}
        {show(exit_price ?? entry_price)} {status === 'CLOSED' && <Gain of={pnl_net ?? pnl} decimals={2} />}{' '}
        <Id of={trade_id} /> {by}
      </span>
    );
  }
  if (told.what === 'risk_event') {
    const { event_type, symbol, reason, signal_id } = told.row;
    return (
      <span>
        <span class="tag warned">! {words(event_type)}</span> {symbol} {reason} <Id of={signal_id} /> {by}
      </span>
    );
  }
  const { action, reason } = told.row;
  return (
    <span>
      <span class={`tag ${action}`}>{action === 'halt' ? '■ halted' : '● resumed'}</span> {reason} {by}
    </span>
  );
}
