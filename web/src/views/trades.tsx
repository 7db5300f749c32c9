import { get, type Value } from '../api.js';
import { count, multiply } from '../exact.js';
import { useLoad } from '../load.js';
import type { Performance } from '../record.js';
import { refine, route } from '../route.js';
import { useStore } from '../store.js';
import { DAY, dayGiven } from '../time.js';
import type { TradeFilters } from '../trade-pages.js';
import { Answer, Panel } from '../ui/panel.js';
import { type Column, Table } from '../ui/table.js';
import { Facts, Gain, Num, When } from '../ui/values.js';
import { Candles, Equity } from './trades-charts.js';
import { TradeTable } from './trades-table.js';

/** What the address asks for: the same filters for the figures, the charts, the table and the file. */
function useFilters(): TradeFilters {
  const { symbol, side, status, since, until } = useStore(route).query;
  const end = dayGiven(until);
  return {
    ...{ symbol, side, status },
    since: dayGiven(since),
    // The day named is part of the span.
    until: end === undefined ? undefined : end + DAY,
  };
}

export function Trades() {
  const filters = useFilters();
  const { symbol, since, until } = filters;
  const key = `performance ${symbol} ${since} ${until}`;
  const performance = useLoad(
    key,
    (caller) => get<Value<Performance>>(caller, '/v1/performance', { symbol, since, until }),
    { on: ['trade'], every_ms: 60_000 },
  );
  return (
    <>
      <FilterBar />
      <div class="split">
        <Panel title="Equity and drawdown" unit="by exit" tall="high" at_ms={performance.at_ms}>
          <Answer of={performance}>{({ value }) => <Equity of={value} />}</Answer>
        </Panel>
        <Panel title="In figures" unit="closed trades" tall="high" at_ms={performance.at_ms}>
          <Answer of={performance}>{({ value }) => <Figures of={value} />}</Answer>
        </Panel>
      </div>
      <Candles symbol={symbol} since={since} until={until} />
      <TradeTable filters={filters} />
    </>
  );
}

function FilterBar() {
  const { query } = useStore(route);
  const field = (name: string) => ({
    value: query[name] ?? '',
    onChange: ({ currentTarget }: { currentTarget: HTMLInputElement | HTMLSelectElement }) =>
      refine({ [name]: currentTarget.value.trim() }),
  });
  return (
    <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      <label>
        Symbol <input type="search" {...field('symbol')} placeholder="all" />
      </label>
      <label>
        Side{' '}
        <select {...field('side')}>
          <option value="">both</option>
          <option>BUY</option>
          <option>SELL</option>
        </select>
      </label>
      <label>
        State{' '}
        <select {...field('status')}>
          <option value="">any</option>
          <option>OPEN</option>
          <option>CLOSED</option>
        </select>
      </label>
      <label>
        From <input type="date" {...field('since')} />
      </label>
      <label>
        To <input type="date" {...field('until')} />
      </label>
      <button
        type="button"
        class="small"
        onClick={() => refine({ symbol: '', side: '', status: '', since: '', until: '' })}
      >
        All
      </button>
    </form>
  );
}

function Figures({ of }: { of: Performance }) {
  const last = of.daily.at(-1);
  return (
    <>
      <Facts
        of={[
          ['Gross profit', <Gain key="gross" of={of.pnl} decimals={2} fixed={2} />],
          ['Net profit', <Gain key="net" of={of.pnl_net} decimals={2} fixed={2} />],
          ['Commission', <Num key="commission" of={of.commission} decimals={2} fixed={2} />],
          ['Closed trades', count(of.closed_trades)],
          ['Won / lost', `${count(of.wins)} / ${count(of.losses)}`],
          ['Win rate', <Num key="rate" of={percentOf(of.win_rate)} decimals={1} unit="%" />],
          ['Profit factor', <Num key="factor" of={of.profit_factor} decimals={2} />],
          ['Average win', <Gain key="win" of={of.average_win} decimals={2} fixed={2} />],
          ['Average loss', <Gain key="loss" of={of.average_loss} decimals={2} fixed={2} />],
          ['Largest win', <Gain key="most" of={of.largest_win} decimals={2} fixed={2} />],
          ['Largest loss', <Gain key="least" of={of.largest_loss} decimals={2} fixed={2} />],
          ['Drawdown', <Num key="drawdown" of={of.drawdown} decimals={2} fixed={2} />],
          ['Drawdown, of capital', <Num key="share" of={of.drawdown_pct} decimals={1} unit="%" />],
          ['Drawdown, deepest', <When key="deepest" at_ms={of.drawdown_until} />],
          [last ? `Day ${last.day}` : 'Last day', <Gain key="day" of={last?.pnl} decimals={2} fixed={2} />],
        ]}
      />
      <h3 class="under">By symbol</h3>
      <Table
        label="Profit by symbol"
        columns={BY_SYMBOL}
        rows={of.by_symbol}
        keyOf={({ symbol }) => symbol}
        most={6}
      />
    </>
  );
}

const percentOf = (share: string | null): string | null => share && multiply(share, '100');

const BY_SYMBOL: Column<Performance['by_symbol'][number]>[] = [
  { title: 'Symbol', width: 'minmax(64px, 1fr)', cell: ({ symbol }) => <b>{symbol}</b> },
  { title: 'Trades', width: '60px', isNumber: true, cell: ({ closed_trades }) => count(closed_trades) },
  {
    ...{ title: 'Win rate', width: '68px', isNumber: true },
    cell: ({ win_rate }) => <Num of={percentOf(win_rate)} decimals={1} unit="%" />,
  },
  {
    ...{ title: 'Gross', width: 'minmax(84px, 1fr)', isNumber: true },
    cell: ({ pnl }) => <Gain of={pnl} decimals={2} fixed={2} />,
  },
];
