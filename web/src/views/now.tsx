import { useMemo, useState } from 'preact/hooks';
import { firstRows, get, type Rows, type Value } from '../api.js';
import { absolute, compare, count, many, multiply, sum } from '../exact.js';
import { type Loaded, together, useLoad } from '../load.js';
import { type OpenPositions, usePositions } from '../positions.js';
import type { Capital, Exposure, Limits, Me, Position, Profit, RiskState } from '../record.js';
import { useNow } from '../store.js';
import { beginOfDay, DAY, moment } from '../time.js';
import { Bar } from '../ui/bars.js';
import { Answer, Empty, Panel } from '../ui/panel.js';
import { Gain, Num, When } from '../ui/values.js';
import { Events } from './now-events.js';
import { HaltDialog, ResumeDialog } from './now-halt.js';
import { Positions } from './now-positions.js';

const TRADING = ['halt'];
const LIMITED = ['limits'];
const TRADED = ['trade', 'position'];
const ORDERED = ['order', 'trade', 'position'];

export function Now({ me }: { me: Me | undefined }) {
  const state = useLoad('risk-state', (caller) => get<Value<RiskState>>(caller, '/v1/risk-state'), {
    on: [...TRADING, ...ORDERED],
    every_ms: 30_000,
  });
  const limits = useLoad('limits', (caller) => get<Rows<Limits>>(caller, '/v1/limits'), {
    on: LIMITED,
    every_ms: 30_000,
  });
  const open = usePositions();
  return (
    <>
      <div class="strip">
        <Trading state={state} me={me} />
        <Today limits={limits} />
      </div>
      <div class="split">
        <Positions open={open} />
        <div class="stack">
          <AgainstLimits limits={limits} state={state} open={open} />
          <Events />
        </div>
      </div>
    </>
  );
}

function Trading({ state, me }: { state: Loaded<Value<RiskState>>; me: Me | undefined }) {
  const [asking, ask] = useState<'halt' | 'resume'>();
  const close = () => ask(undefined);
  const isHalted = state.data?.value.halted;
  return (
    <Panel title="Trading" at_ms={state.at_ms} class={isHalted ? 'halted' : ''}>
      <Answer of={state}>
        {({ value: { halted, halt } }) => (
          <div class="trading">
            <div>
              <p class="big">{halted ? '■ Halted' : '● Running'}</p>
              <p class="note">
                {halt ? (
                  <>
                    {halt.reason} – {halt.actor}, <When at_ms={halt.timestamp} />
                    {halt.until !== null && <>, until {moment(halt.until)} UTC</>}
                  </>
                ) : (
                  'Orders that open are taken, within the limits.'
                )}
              </p>
            </div>
            <button
              type="button"
              class={halted ? 'main' : 'grave'}
              onClick={() => ask(halted ? 'resume' : 'halt')}
            >
              {halted ? 'Resume trading' : 'Halt trading'}
            </button>
          </div>
        )}
      </Answer>
      {asking === 'halt' && <HaltDialog me={me} onClose={close} onDone={state.again} />}
      {asking === 'resume' && <ResumeDialog me={me} onClose={close} onDone={state.again} />}
    </Panel>
  );
}

const bookOf = (limits: Rows<Limits> | undefined): Limits | undefined =>
  limits?.rows.find(({ symbol }) => symbol === null);

function Today({ limits }: { limits: Loaded<Rows<Limits>> }) {
  const now = useNow();
  // When a day begins is said by the limits: before they are known there is no today.
  const zone = limits.data && (bookOf(limits.data)?.time_zone ?? 'UTC');
  const since = useMemo(
    () => (zone === undefined ? undefined : beginOfDay(now, zone)),
    [Math.floor(now / 60_000), zone],
  );
  const today = useLoad(
    since === undefined ? undefined : `today ${since}`,
    (caller) => get<Value<Profit>>(caller, '/v1/profit', { since }),
    { on: TRADED, every_ms: 30_000 },
  );
  // The breaker looks at the last 24 hours as well, so that nothing is forgotten at midnight.
  const recent = useLoad(
    'last 24 h',
    (caller) => get<Value<Profit>>(caller, '/v1/profit', { since: Date.now() - DAY }),
    { on: TRADED, every_ms: 30_000 },
  );
  const capital = useLoad('capital', (caller) => firstRows<Capital>(caller, '/v1/capital', {}, 1), {
    on: LIMITED,
    every_ms: 30_000,
  });
  const profit = together({ today, limits });
  const drawdown = together({ today, recent, limits, capital });
  return (
    <>
      <Panel title="Profit of today" unit="realized" at_ms={profit.at_ms}>
        <Answer of={profit}>{(of) => <ProfitOfToday of={of.today?.value} since={since} />}</Answer>
      </Panel>
      <Panel title="Drawdown against the breaker" unit="gross loss" at_ms={drawdown.at_ms}>
        <Answer of={drawdown}>
          {(of) => (
            <Drawdown
              losses={[
                ['Today', of.today?.value.pnl],
                ['Last 24 h', of.recent?.value.pnl],
              ]}
              limits={of.limits}
              capital={of.capital}
            />
          )}
        </Answer>
      </Panel>
    </>
  );
}

function ProfitOfToday({ of, since }: { of: Profit | undefined; since: number | undefined }) {
  return (
    <>
      <p class="big">
        <Gain of={of?.pnl_net} decimals={2} fixed={2} />
      </p>
      {of && (
        <p class="note">
          net of {many(of.closed_trades, 'trade')}, gross <Num of={of.pnl} decimals={2} sign />, commission{' '}
          <Num of={of.commission} decimals={2} />
          {of.commission_unknown > 0 && <>; {count(of.commission_unknown)} without one</>}. Since{' '}
          <When at_ms={since} /> UTC.
        </p>
      )}
    </>
  );
}

interface AgainstBreaker {
  losses: [name: string, pnl: string | undefined][];
  limits: Rows<Limits> | undefined;
  capital: { rows: Capital[] } | undefined;
}

function Drawdown({ losses, limits, capital }: AgainstBreaker) {
  const book = bookOf(limits);
  const amount = capital?.rows[0]?.amount;
  const byShare =
    book?.max_drawdown_pct && amount ? multiply(multiply(book.max_drawdown_pct, amount), '0.01') : undefined;
  const both = [book?.max_drawdown, byShare].filter((limit): limit is string => Boolean(limit));
  const isKnown = limits !== undefined && !(book?.max_drawdown_pct && capital === undefined);
  // Both are negative: the tighter one is the larger.
  const limit = isKnown ? both.sort((a, b) => compare(b, a))[0] : undefined;
  if (isKnown && limit === undefined)
    return (
      <Empty command='claire limits set max_drawdown=-500 --reason "why"'>
        No drawdown is limited: the breaker does not trip by itself.
      </Empty>
    );
  return (
    <>
      {losses.map(([name, pnl]) => (
        <Bar key={name} label={name} used={pnl && lossOf(pnl)} limit={limit} />
      ))}
      {byShare !== undefined && byShare === limit && (
        <p class="note">
          <Num of={book?.max_drawdown_pct} /> % of the capital of <Num of={amount} />
        </p>
      )}
    </>
  );
}

const lossOf = (pnl: string): string => (compare(pnl, '0') < 0 ? absolute(pnl) : '0');

const MOST_SYMBOLS = 5;

interface Against {
  limits: Loaded<Rows<Limits>>;
  state: Loaded<Value<RiskState>>;
  open: OpenPositions;
}

function AgainstLimits({ limits, state, open }: Against) {
  // What the stream keeps true has no age, and half of the positions have no sum.
  const positions = {
    ...open,
    data: open.isWhole ? open.data : undefined,
    at_ms: open.isLive ? undefined : open.at_ms,
  };
  const all = together({ limits, state, positions });
  return (
    <Panel title="Exposure against limits" unit="value at entry prices" tall="middle" at_ms={all.at_ms}>
      <Answer of={all}>
        {(of) => <Exposures limits={of.limits?.rows} state={of.state?.value} positions={of.positions} />}
      </Answer>
    </Panel>
  );
}

interface Exposed {
  limits: Limits[] | undefined;
  state: RiskState | undefined;
  positions: ReadonlyMap<string, Position> | undefined;
}

function Exposures({ limits, state, positions }: Exposed) {
  // Exposure a symbol is what its positions are worth at entry: summed here, so that it moves with them.
  const symbols = useMemo(() => positions && largest([...positions.values()]), [positions]);
  const of = (symbol: string | null) => limits?.find((row) => row.symbol === symbol);
  const book = of(null);
  /** Undefined while no limits are known: that is not the same as none. */
  const limitOf = (limit: string | number | null | undefined) =>
    limits && (limit == null ? null : String(limit));
  return (
    <>
      <Bar
        label="Book"
        used={state && sum([state.exposure, state.reserved])}
        limit={limitOf(book?.max_exposure)}
        note={
          state &&
          compare(state.reserved, '0') !== 0 && (
            <>
              of it <Num of={state.reserved} decimals={2} /> reserved by PENDING orders
            </>
          )
        }
      />
      <Bar
        label="Open trades"
        used={state && String(state.open_trades)}
        limit={limitOf(book?.max_open_trades)}
      />
      {symbols ? (
        symbols.map(({ symbol, gross }) => (
          <Bar
            key={symbol}
            label={symbol}
            used={gross}
            limit={limitOf(of(symbol)?.max_position ?? book?.max_position)}
          />
        ))
      ) : (
        <Bar label="Symbols" used={undefined} limit={undefined} />
      )}
    </>
  );
}

function largest(positions: readonly Position[]): Pick<Exposure, 'symbol' | 'gross'>[] {
  const bySymbol = new Map<string, string>();
  for (const { symbol, total_value_usd } of positions) {
    const before = bySymbol.get(symbol);
    bySymbol.set(symbol, before === undefined ? total_value_usd : sum([before, total_value_usd]));
  }
  return [...bySymbol]
    .map(([symbol, gross]) => ({ symbol, gross }))
    .sort((a, b) => compare(b.gross, a.gross) || (a.symbol < b.symbol ? -1 : 1))
    .slice(0, MOST_SYMBOLS);
}
