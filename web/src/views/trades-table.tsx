import { useEffect, useMemo, useState } from 'preact/hooks';
import { ApiError, type Caller, pages } from '../api.js';
import { csvOf, HEADER } from '../csv.js';
import { count, many } from '../exact.js';
import { live } from '../live.js';
import { useLoad } from '../load.js';
import type { Trade } from '../record.js';
import { useCaller } from '../session.js';
import { useStore } from '../store.js';
import { tradeList } from '../trade-list.js';
import type { TradeFilters } from '../trade-pages.js';
import { Answer, Empty, Failure, Panel } from '../ui/panel.js';
import { type Column, Table } from '../ui/table.js';
import { Gain, Id, Num, SideOf, Status, When } from '../ui/values.js';

const TRADED = ['trade'];

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

/** The trades of these filters, as far as they were scrolled to. */
function useTrades(filters: TradeFilters) {
  const caller = useCaller();
  const key = JSON.stringify(filters);
  const list = useMemo(() => tradeList(filters), [key, caller.book, caller.token]);
  const first = useLoad(`trades ${key}`, list.readTop, { on: TRADED });
  const held = useStore(list.held);
  const [error, setError] = useState<ApiError>();
  useEffect(() => {
    setError(undefined);
    return live.watch(['trade', 'gap'], (sent) => {
      if (sent.some(({ event }) => event === 'gap')) list.forget();
      list.moved(sent.flatMap(({ event, data }) => (event === 'trade' ? [data as Trade] : [])));
    });
  }, [list]);

  async function readOn(): Promise<void> {
    setError(undefined);
    try {
      await list.readOn(caller);
    } catch (thrown) {
      if (!(thrown instanceof ApiError)) throw thrown;
      setError(thrown);
    }
  }
  return { trades: { ...first, data: held }, error, readOn: () => void readOn() };
}

export function TradeTable({ filters }: { filters: TradeFilters }) {
  const { trades, error, readOn } = useTrades(filters);
  return (
    <Panel
      title="Trades"
      unit="newest entry first"
      tall="high"
      at_ms={trades.at_ms}
      actions={<Export filters={filters} />}
    >
      <Answer of={trades}>
        {({ rows, next }) =>
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
                onEnd={next ? readOn : undefined}
              />
              {error && <Failure error={error} again={readOn} />}
            </>
          )
        }
      </Answer>
    </Panel>
  );
}

/** Every page of what is asked for, as a file of the browser. @throws ApiError */
async function exportTrades(
  caller: Caller,
  filters: TradeFilters,
  onProgress: (rows: number) => void,
): Promise<void> {
  const parts = [HEADER];
  let rows = 0;
  for await (const page of pages<Trade>(caller, '/v1/trades', { ...filters })) {
    parts.push(csvOf(page.rows));
    rows += page.rows.length;
    onProgress(rows);
  }
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob(parts, { type: 'text/csv' }));
  link.download = `trades-${caller.book ?? 'book'}-${new Date().toISOString().slice(0, 10)}.csv`;
  link.click();
  // Not at once: the browser takes the file after the click returned.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function Export({ filters }: { filters: TradeFilters }) {
  const caller = useCaller();
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
