import { useMemo, useState } from 'preact/hooks';
import { firstRows, get, type Rows, type Value } from '../api.js';
import { absolute, compare, count, many, multiply, sum } from '../exact.js';
import { live } from '../live.js';
import { type Loaded, useLoad } from '../load.js';
import type { Capital, Exposure, Limits, Me, Position, Profit, RiskState } from '../record.js';
import { useCaller } from '../session.js';
import { useNow, useStore } from '../store.js';
import { beginOfDay, DAY, moment } from '../time.js';
import { Bar } from '../ui/bars.js';
import { Answer, Empty, Panel } from '../ui/panel.js';
import { Gain, Num, When } from '../ui/values.js';
import { Events } from './now-events.js';
import { HaltDialog, ResumeDialog } from './now-halt.js';
import { Positions } from './now-positions.js';

const TRADING = ['halt'];
const TRADED = ['trade', 'position'];
const ORDERED = ['order', 'trade', 'position'];

export function Now({ me }: { me: Me | undefined }) {
  const state = useLoad('risk-state', (caller) => get<Value<RiskState>>(caller, '/v1/risk-state'), {
    on: [...TRADING, ...ORDERED],
    every_ms: 30_000,
  });
  const limits = useLoad('limits', (caller) => get<Rows<Limits>>(caller, '/v1/limits'), { every_ms: 30_000 });
  return (
    <>
      <div class="strip">
        <Trading state={state} me={me} />
        <Today limits={limits} />
      </div>
      <div class="split">
        <Positions />
        <div class="stack">
          <AgainstLimits limits={limits} state={state} />
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

function Today({ limits }: { limits: Loaded<Rows<Limits>> }) {
  const book = limits.data?.rows.find(({ symbol }) => symbol === null);
  const zone = book?.time_zone ?? 'UTC';
  const now = useNow();
  const since = useMemo(() => beginOfDay(now, zone), [Math.floor(now / 60_000), zone]);
  const profit = useLoad(`today ${since}`, (caller) => get<Value<Profit>>(caller, '/v1/profit', { since }), {
    on: TRADED,
    every_ms: 30_000,
  });
  // The breaker looks at the last 24 hours as well, so that nothing is forgotten at midnight.
  const recent = useLoad(
    'last 24 h',
    (caller) => get<Value<Profit>>(caller, '/v1/profit', { since: Date.now() - DAY }),
    { on: TRADED, every_ms: 30_000 },
  );
  const capital = useLoad('capital', (caller) => firstRows<Capital>(caller, '/v1/capital', {}, 1));
  return (
    <>
      <Panel title="Profit of today" unit="realized" at_ms={profit.at_ms}>
        <Answer of={profit}>
          {({ value }) => (
            <>
              <p class="big">
                <Gain of={value.pnl_net} decimals={2} fixed={2} />
              </p>
              <p class="note">
                net of {many(value.closed_trades, 'trade')}, gross <Num of={value.pnl} decimals={2} sign />,
                commission <Num of={value.commission} decimals={2} />
                {value.commission_unknown > 0 && <>; {count(value.commission_unknown)} without one</>}. Since{' '}
                <When at_ms={since} /> UTC.
              </p>
            </>
          )}
        </Answer>
      </Panel>
      <Panel title="Drawdown against the breaker" unit="gross loss" at_ms={profit.at_ms}>
        <Answer of={profit}>
          {({ value }) => (
            <Drawdown
              losses={[
                ['Today', value.pnl],
                ['Last 24 h', recent.data?.value.pnl],
              ]}
              book={book}
              capital={capital.data?.rows[0]?.amount}
            />
          )}
        </Answer>
      </Panel>
    </>
  );
}

function Drawdown({
  losses,
  book,
  capital,
}: {
  losses: [name: string, pnl: string | undefined][];
  book: Limits | undefined;
  capital: string | undefined;
}) {
  const byShare =
    book?.max_drawdown_pct && capital
      ? multiply(multiply(book.max_drawdown_pct, capital), '0.01')
      : undefined;
  const both = [book?.max_drawdown, byShare].filter((limit): limit is string => Boolean(limit));
  // Both are negative: the tighter one is the larger.
  const limit = both.sort((a, b) => compare(b, a))[0];
  if (limit === undefined)
    return (
      <Empty command='claire limits set max_drawdown=-500 --reason "why"'>
        No drawdown is limited: the breaker does not trip by itself.
      </Empty>
    );
  return (
    <>
      {losses.map(([name, pnl]) => (
        <Bar key={name} label={name} used={lossOf(pnl)} limit={limit} />
      ))}
      {byShare === limit && (
        <p class="note">
          <Num of={book?.max_drawdown_pct} /> % of the capital of <Num of={capital} />
        </p>
      )}
    </>
  );
}

const lossOf = (pnl = '0'): string => (compare(pnl, '0') < 0 ? absolute(pnl) : '0');

const MOST_SYMBOLS = 5;

function AgainstLimits({ limits, state }: { limits: Loaded<Rows<Limits>>; state: Loaded<Value<RiskState>> }) {
  const caller = useCaller();
  const positions = useStore(live.positions);
  // Exposure a symbol is what its positions are worth at entry: summed here, so that it moves with them.
  const symbols = useMemo(
    () => (positions ? largest([...positions.values()]) : []),
    [positions, caller.book],
  );
  const of = (symbol: string | null) => limits.data?.rows.find((row) => row.symbol === symbol);
  const book = of(null);
  return (
    <Panel title="Exposure against limits" unit="value at entry prices" tall="middle" at_ms={state.at_ms}>
      <Answer of={state}>
        {({ value }) => (
          <>
            <Bar
              label="Book"
              used={sum([value.exposure, value.reserved])}
              limit={book?.max_exposure ?? null}
              note={
                compare(value.reserved, '0') !== 0 && (
                  <>
                    of it <Num of={value.reserved} decimals={2} /> reserved by PENDING orders
                  </>
                )
              }
            />
            <Bar
              label="Open trades"
              used={String(value.open_trades)}
              limit={book?.max_open_trades == null ? null : String(book.max_open_trades)}
            />
            {symbols.map(({ symbol, gross }) => (
              <Bar
                key={symbol}
                label={symbol}
                used={gross}
                limit={of(symbol)?.max_position ?? book?.max_position ?? null}
              />
            ))}
          </>
        )}
      </Answer>
    </Panel>
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
