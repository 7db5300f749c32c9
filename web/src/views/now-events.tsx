import type { ComponentChildren } from 'preact';
import { show } from '../exact.js';
import { live, type Told } from '../live.js';
import { useStore } from '../store.js';
import { clock, stamp } from '../time.js';
import { Empty, Panel, Skeleton } from '../ui/panel.js';
import { Gain, Id, SideOf, Status, words } from '../ui/values.js';

const SHOWN = 60;

/** Orders, trades, risk events and halts as they are committed. */
export function Events() {
  const events = useStore(live.events);
  const { state } = useStore(live.connection);
  return (
    <Panel title="Events" unit="newest first, UTC" tall="high" isLive={state === 'live'}>
      {events.length === 0 && state === 'connecting' && <Skeleton />}
      {events.length === 0 && state !== 'connecting' && (
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
              <time title={`${stamp(told.at_ms)} UTC`}>{clock(told.at_ms)}</time>
              <Line told={told} />
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

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
