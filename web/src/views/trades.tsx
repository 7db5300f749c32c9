import { useEffect, useMemo, useState } from 'preact/hooks';
import { ApiError, get, type Rows, type Value } from '../api.js';
import { exportTrades } from '../csv.js';
import { count, many, multiply } from '../exact.js';
import { useLoad } from '../load.js';
import type { Performance, Trade } from '../record.js';
import { refine, route } from '../route.js';
import { useCaller } from '../session.js';
import { useStore } from '../store.js';
import { DAY, dayGiven } from '../time.js';
import { Answer, Empty, Failure, Panel } from '../ui/panel.js';
import { type Column, Table } from '../ui/table.js';
import { Facts, Gain, Id, Num, SideOf, Status, When } from '../ui/values.js';
import { Candles, Equity } from './trades-charts.js';

/** What the address asks for: the same filters for the figures, the charts, the table and the file. */
function useFilters() {
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
  const { symbol, since, until } = useFilters();
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
      <TradeTable />
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

const COLUMNS: Column<Trade>[] = [
  { title: 'Entry, UTC', width: '100px', cell: ({ entry_timestamp }) => <When at_ms={entry_timestamp} /> },
  {
    title: 'Exit, UTC',
    width: '100px',
    onWide: true,
    cell: ({ exit_timestamp }) => <When at_ms={exit_timestamp} />,
  },
  { title: 'Symbol', width: '84px', cell: ({ symbol }) => <b>{symbol}</b> },
  { title: 'Side', width: '66px', cell: ({ side }) => <SideOf side={side} /> },
  {
    ...{ title: 'Quantity', width: 'minmax(90px, 1fr)', isNumber: true, onWide: true },
    cell: ({ quantity }) => <Num of={quantity} />,
  },
  {
    ...{ title: 'Entry', width: 'minmax(84px, 1fr)', isNumber: true, onWide: true },
    cell: ({ entry_price }) => <Num of={entry_price} />,
  },
  {
    ...{ title: 'Exit', width: 'minmax(84px, 1fr)', isNumber: true, onWide: true },
    cell: ({ exit_price }) => <Num of={exit_price} />,
  },
  {
    ...{ title: 'Net', width: 'minmax(84px, 1fr)', isNumber: true },
    cell: ({ pnl_net }) => <Gain of={pnl_net} decimals={2} fixed={2} />,
  },
  {
    ...{ title: 'Gross', width: 'minmax(78px, 1fr)', isNumber: true, onWide: true },
    cell: ({ pnl }) => <Num of={pnl} decimals={2} fixed={2} sign />,
  },
  {
    ...{ title: '%', width: '64px', isNumber: true, onWide: true },
    cell: ({ pnl_pct }) => <Num of={pnl_pct} decimals={2} fixed={2} sign />,
  },
  { title: 'State', width: '74px', onWide: true, cell: ({ status }) => <Status of={status} /> },
  {
    ...{ title: 'Trade', width: 'minmax(90px, 1fr)', onWide: true },
    cell: ({ trade_id, order_id }) => <Id of={trade_id ?? order_id} />,
  },
];

const PAGE = 500;

function TradeTable() {
  const caller = useCaller();
  const filters = useFilters();
  const key = JSON.stringify(filters);
  const first = useLoad(
    `trades ${key}`,
    (as) => get<Rows<Trade>>(as, '/v1/trades', { ...filters, limit: PAGE }),
    {
      on: ['trade'],
    },
  );
  const [further, setFurther] = useState<Rows<Trade>>();
  useEffect(() => setFurther(undefined), [first.data]);
  const rows = useMemo(() => [...(first.data?.rows ?? []), ...(further?.rows ?? [])], [first.data, further]);
  const next = further ? further.next : first.data?.next;
  const [isReading, setReading] = useState(false);

  async function readOn(): Promise<void> {
    if (!next || isReading) return;
    setReading(true);
    const page = await get<Rows<Trade>>(caller, '/v1/trades', {
      ...filters,
      limit: PAGE,
      cursor: next,
    }).catch(() => undefined);
    setReading(false);
    if (page) setFurther((before) => ({ ...page, rows: [...(before?.rows ?? []), ...page.rows] }));
  }

  return (
    <Panel title="Trades" unit="newest entry first" tall="high" at_ms={first.at_ms} actions={<Export />}>
      <Answer of={first}>
        {() =>
          rows.length === 0 ? (
            <Empty command="claire replay CANDLES.csv">
              No trade is like this. Take filters away, or trade: `claire replay` runs candles through the
              reference services.
            </Empty>
          ) : (
            <>
              <p class="sums">
                <b>{many(rows.length, 'trade')}</b>
                {next ? '; more as you scroll' : ', all'}
              </p>
              <Table
                label="Trades"
                columns={COLUMNS}
                rows={rows}
                keyOf={({ id }) => id}
                most={15}
                onEnd={next ? () => void readOn() : undefined}
              />
            </>
          )
        }
      </Answer>
    </Panel>
  );
}

function Export() {
  const caller = useCaller();
  const filters = useFilters();
  const [rows, setRows] = useState<number>();
  const [error, setError] = useState<ApiError>();
  async function run(): Promise<void> {
    setError(undefined);
    setRows(0);
    try {
      await exportTrades(caller, filters, setRows);
    } catch (thrown) {
      if (!(thrown instanceof ApiError)) throw thrown;
      setError(thrown);
    } finally {
      setRows(undefined);
    }
  }
  return (
    <>
      {error && <Failure error={error} />}
      <button type="button" class="small" disabled={rows !== undefined} onClick={() => void run()}>
        {rows === undefined ? 'Export CSV' : `${count(rows)} rows …`}
      </button>
    </>
  );
}
