import { get, type Value } from '../api.js';
import { count } from '../exact.js';
import { useLoad } from '../load.js';
import type { Chain, ChainOrder, Decision, Limits, NotTraded, Trade } from '../record.js';
import { go, linkTo, route } from '../route.js';
import { useStore } from '../store.js';
import { Answer, Empty, Panel } from '../ui/panel.js';
import { Details, Facts, Gain, Id, None, Num, SideOf, Status, When, words } from '../ui/values.js';

export function Why() {
  const { id } = useStore(route).query;
  return (
    <div class="split even">
      <Panel title="From cause to result" tall="high">
        <form
          class="ask"
          role="search"
          onSubmit={(event) => {
            event.preventDefault();
            const wanted = String(new FormData(event.currentTarget).get('id')).trim();
            if (wanted) go('why', { id: wanted });
          }}
        >
          <input
            key={id}
            name="id"
            type="search"
            defaultValue={id ?? ''}
            aria-label="Id of a signal, an order or a trade"
            placeholder="Id of a signal, an order or a trade"
          />
          <button type="submit" class="main">
            Ask why
          </button>
        </form>
        {id ? (
          <TheChain id={id} />
        ) : (
          <Empty command="claire why ID">
            Ask for a signal, an order or a trade by its id, or take one from the list: the whole chain is
            shown, from the signal to the profit.
          </Empty>
        )}
      </Panel>
      <Untraded />
    </div>
  );
}

function TheChain({ id }: { id: string }) {
  const chain = useLoad(
    `why ${id}`,
    (caller) => get<Value<Chain>>(caller, `/v1/why/${encodeURIComponent(id)}`),
    { on: ['order', 'trade'] },
  );
  return <Answer of={chain}>{({ value }) => <Steps chain={value} wanted={id} />}</Answer>;
}

function Steps({ chain: { signal, orders, trades, risk_events }, wanted }: { chain: Chain; wanted: string }) {
  const mark = (id: string | null) => (id === wanted ? 'step wanted' : 'step');
  return (
    <ol class="chain">
      {signal && (
        <li class={mark(signal.signal_id)}>
          <h3>
            Signal <Id of={signal.signal_id} />
          </h3>
          <p>
            <SideOf side={signal.side} /> <b>{signal.symbol}</b> at <Num of={signal.price} />, confidence{' '}
            <Num of={signal.confidence} />, <When at_ms={signal.timestamp} /> UTC
          </p>
          {signal.metadata && <Details of={signal.metadata} />}
        </li>
      )}
      {signal && orders.length === 0 && (
        <li class="step">
          <h3>Not decided</h3>
          <p>No order names this signal.</p>
        </li>
      )}
      {orders.map((order) => (
        <OrderStep key={order.order_id} order={order} mark={mark} />
      ))}
      {trades.map((trade) => (
        <TradeStep key={trade.id} trade={trade} class={mark(trade.trade_id)} />
      ))}
      {risk_events.map((event) => (
        <li key={event.event_id ?? event.timestamp} class="step event">
          <h3>
            Risk event <span class="tag warned">! {words(event.event_type)}</span>
          </h3>
          <p>
            {event.reason}, <When at_ms={event.timestamp} /> UTC
          </p>
          <Details of={event.details} />
        </li>
      ))}
    </ol>
  );
}

function OrderStep({ order, mark }: { order: ChainOrder; mark: (id: string | null) => string }) {
  const { order_id, side, quantity, symbol, price, status, rejection_reason, decision, history, trades } =
    order;
  return (
    <>
      <li class={mark(order_id)}>
        <h3>
          Order <Id of={order_id} /> <Status of={status} />
        </h3>
        <p>
          <SideOf side={side} /> <Num of={quantity} /> <b>{symbol}</b> at{' '}
          {price === null ? 'the market' : <Num of={price} />}
          {rejection_reason && (
            <>
              : <strong>{rejection_reason}</strong>
            </>
          )}
        </p>
        {decision ? (
          <Decided decision={decision} />
        ) : (
          <p class="note">No decision is recorded: it is older than decisions.</p>
        )}
        <ul class="states">
          {history.map(({ to, reason, actor, at }) => (
            <li key={`${to} ${at}`}>
              <Status of={to} /> <When at_ms={at} /> UTC <span class="actor">{actor}</span> {reason}
            </li>
          ))}
        </ul>
      </li>
      {trades.map((trade) => (
        <TradeStep key={trade.id} trade={trade} class={mark(trade.trade_id)} />
      ))}
    </>
  );
}

const DECIDED: Record<Decision['decision'], string> = {
  opening: 'Accepted, to open',
  closing: 'Accepted, to close',
  rejected: 'Rejected',
  direct: 'Placed by plain SQL, without asking',
};

function Decided({ decision }: { decision: Decision }) {
  const { limits, symbol_limits, broken, details, actor, timestamp } = decision;
  const most = (name: keyof Limits) => symbol_limits?.[name] ?? limits?.[name];
  const beside = (used: string | number | null, limit: unknown, unit = '') =>
    used === null ? (
      <None />
    ) : (
      <>
        <Num of={String(used)} />
        {limit !== undefined && limit !== null && (
          <>
            {', limit '}
            <Num of={String(limit)} />
            {unit}
          </>
        )}
      </>
    );
  const drawdown = limits?.max_drawdown ?? limits?.max_drawdown_pct;
  return (
    <>
      <p>
        {DECIDED[decision.decision]} by <span class="actor">{actor}</span>, <When at_ms={timestamp} /> UTC
        {limits && (
          <>
            , by <a href={linkTo('risk')}>limits version {limits.version}</a> ({limits.reason})
          </>
        )}
      </p>
      <Facts
        of={[
          ['Value', <Num key="value" of={decision.notional} />],
          ['Exposure before', beside(decision.exposure, most('max_exposure'))],
          ['Position before', beside(decision.position, most('max_position'))],
          ['Open trades before', beside(decision.open_trades, most('max_open_trades'))],
          ['Profit of the day', beside(decision.daily_pnl, drawdown, limits?.max_drawdown ? '' : ' %')],
          ...(broken.length > 0 ? [['Broken', broken.map(words).join(', ')] as const] : []),
        ]}
      />
      {details && <Details of={details} />}
    </>
  );
}

function TradeStep({ trade, class: name }: { trade: Trade; class: string }) {
  const {
    trade_id,
    side,
    symbol,
    quantity,
    entry_price,
    entry_timestamp,
    exit_price,
    exit_timestamp,
    status,
  } = trade;
  return (
    <li class={name}>
      <h3>
        Trade <Id of={trade_id} /> <Status of={status} />
      </h3>
      <p>
        <SideOf side={side} /> <Num of={quantity} /> <b>{symbol}</b> in at <Num of={entry_price} />,{' '}
        <When at_ms={entry_timestamp} /> UTC
        {exit_price !== null && (
          <>
            ; out at <Num of={exit_price} />, <When at_ms={exit_timestamp} /> UTC
          </>
        )}
      </p>
      {status === 'CLOSED' && (
        <Facts
          of={[
            ['Net', <Gain key="net" of={trade.pnl_net} />],
            ['Gross', <Gain key="gross" of={trade.pnl} />],
            ['Gross, of the entry', <Gain key="pct" of={trade.pnl_pct} decimals={2} unit="%" />],
            ['Commission', <Num key="commission" of={trade.commission} />],
          ]}
        />
      )}
    </li>
  );
}

function Untraded() {
  const groups = useLoad('not-traded', (caller) => get<{ rows: NotTraded[] }>(caller, '/v1/not-traded'), {
    on: ['order'],
    every_ms: 60_000,
  });
  return (
    <Panel title="Signals not traded" unit="by reason" tall="high" at_ms={groups.at_ms}>
      <Answer of={groups}>
        {({ rows }) =>
          rows.length === 0 ? (
            <Empty command="claire signals --limit 5">Every signal was traded, or there is none yet.</Empty>
          ) : (
            <ul class="groups">
              {rows.map(({ reason, signals, first, last, newest }) => (
                <li key={reason}>
                  <p class="line">
                    <b>{reason}</b> <span class="number">{count(signals)}</span>
                  </p>
                  <div class="track" aria-hidden="true">
                    <div style={{ width: `${(100 * signals) / rows[0]!.signals}%` }} />
                  </div>
                  <p class="note">
                    <When at_ms={first} /> to <When at_ms={last} /> UTC. Newest:{' '}
                    {newest.slice(0, 3).map((id) => (
                      <span key={id}>
                        <Id of={id} />{' '}
                      </span>
                    ))}
                  </p>
                </li>
              ))}
            </ul>
          )
        }
      </Answer>
    </Panel>
  );
}
