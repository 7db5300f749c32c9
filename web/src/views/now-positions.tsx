import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { ApiError, get, type Rows } from '../api.js';
import { many, multiply, negate, subtract, sum } from '../exact.js';
import { keyOf, type LastPrice, live } from '../live.js';
import type { OpenPositions } from '../positions.js';
import type { Position, Signal } from '../record.js';
import { useCaller } from '../session.js';
import { useStore } from '../store.js';
import { Answer, Empty, Failure, Panel } from '../ui/panel.js';
import { type Column, Table } from '../ui/table.js';
import { Age, Gain, None, Num, SideOf } from '../ui/values.js';

export function Positions({ open }: { open: OpenPositions }) {
  const { data, isWhole, isLive, at_ms } = open;
  const [wanted, want] = useState('');
  const { prices, error, again, onShown } = usePrices();
  const rows = useMemo(() => sorted([...(data?.values() ?? [])], wanted), [data, wanted]);
  const total = useMemo(() => sum([...(data?.values() ?? [])].map((one) => one.total_value_usd)), [data]);
  return (
    <Panel
      title="Open positions"
      unit="exact at commit"
      tall="high"
      class="positions"
      isLive={isLive}
      at_ms={at_ms}
      actions={
        <input
          type="search"
          aria-label="Symbol"
          placeholder="Symbol"
          value={wanted}
          onInput={({ currentTarget }) => want(currentTarget.value)}
        />
      }
    >
      {error && <Failure error={error} again={again} />}
      <Answer of={open}>
        {(positions) => (
          <>
            <p class="sums">
              <b>{many(positions.size, 'position')}</b>
              {!isWhole && ' so far, reading on'}, <Num of={total} decimals={2} unit="at entry" />
            </p>
            {positions.size === 0 ? (
              <Empty command="claire trades --status OPEN">
                No position is open. One appears here with the commit that opens a trade.
              </Empty>
            ) : (
              <Table
                label="Open positions"
                columns={columnsWith(prices)}
                rows={rows}
                keyOf={keyOf}
                most={16}
                onShown={onShown}
              />
            )}
          </>
        )}
      </Answer>
    </Panel>
  );
}

const sorted = (positions: Position[], wanted: string): Position[] =>
  positions
    .filter(({ symbol }) => symbol.toLowerCase().includes(wanted.trim().toLowerCase()))
    .sort((a, b) => (a.symbol < b.symbol ? -1 : a.symbol > b.symbol ? 1 : a.side < b.side ? -1 : 1));

const columnsWith = (prices: ReadonlyMap<string, LastPrice>): Column<Position>[] => [
  { title: 'Symbol', width: 'minmax(64px, 1fr)', cell: ({ symbol }) => <b>{symbol}</b> },
  { title: 'Side', width: '62px', cell: ({ side }) => <SideOf side={side} /> },
  {
    ...{ title: 'Quantity', width: 'minmax(78px, 1fr)', isNumber: true },
    cell: ({ total_quantity }) => <Num of={total_quantity} />,
  },
  {
    ...{ title: 'Entry, average', width: 'minmax(104px, 1fr)', isNumber: true, onWide: true },
    cell: ({ avg_entry_price }) => <Num of={avg_entry_price} decimals={8} />,
  },
  {
    ...{ title: 'Value at entry', width: 'minmax(92px, 1fr)', isNumber: true, onWide: true },
    cell: ({ total_value_usd }) => <Num of={total_value_usd} decimals={2} fixed={2} />,
  },
  {
    ...{ title: 'Last price', width: 'minmax(92px, 1fr)', isNumber: true, onWide: true },
    cell: ({ symbol }) => <Num of={prices.get(symbol)?.price} />,
  },
  {
    ...{ title: 'Unrealized', width: 'minmax(84px, 1fr)', isNumber: true },
    cell: (position) => <Unrealized position={position} last={prices.get(position.symbol)} />,
  },
  {
    ...{ title: 'Price of', width: '84px', onWide: true, isNumber: true },
    cell: ({ symbol }) => <Age at_ms={prices.get(symbol)?.at_ms} />,
  },
  {
    ...{ title: 'Last entry', width: '84px', onWide: true, isNumber: true },
    cell: ({ last_entry }) => <Age at_ms={last_entry} />,
  },
];

/** (last price − average entry) × quantity, the other way round for what was sold. */
function Unrealized({ position, last }: { position: Position; last: LastPrice | undefined }) {
  const { side, total_quantity, total_value_usd } = position;
  if (!last) return <None />;
  const gain = subtract(multiply(last.price, total_quantity), total_value_usd);
  return <Gain of={side === 'BUY' ? gain : negate(gain)} decimals={2} fixed={2} />;
}

/** At once at most this many; the rest of what is seen follows. */
const AT_ONCE = 3;
/** Rows that are scrolled past are not asked for. */
const REST_MS = 200;

interface Prices {
  prices: ReadonlyMap<string, LastPrice>;
  /** Why some of them are not known. */
  error: ApiError | undefined;
  again(): void;
  onShown(rows: readonly Position[]): void;
}

/** The last price of each symbol that is seen: the newest signal's, unless a trade told a newer one since. */
function usePrices(): Prices {
  const caller = useCaller();
  const told = useStore(live.prices);
  const [seen, see] = useState<readonly string[]>([]);
  const [read, setRead] = useState<ReadonlyMap<string, LastPrice | undefined>>(new Map());
  const [error, setError] = useState<ApiError>();
  useEffect(() => setRead(new Map()), [caller.book]);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);

  useEffect(() => {
    const left = new AbortController();
    const queue = seen.filter((symbol) => !read.has(symbol));
    const next = async (): Promise<void> => {
      for (let symbol = queue.shift(); symbol !== undefined; symbol = queue.shift()) {
        const of = symbol;
        const asked = { ...caller, signal: left.signal };
        const found = await get<Rows<Signal>>(asked, '/v1/signals', { symbol: of, limit: 1 });
        const [signal] = found.rows;
        setRead((before) =>
          new Map(before).set(of, signal && { price: signal.price, at_ms: signal.timestamp }),
        );
      }
    };
    setError(undefined);
    Promise.all(Array.from({ length: AT_ONCE }, next)).catch((thrown: unknown) => {
      if (!left.signal.aborted && thrown instanceof ApiError) setError(thrown);
      left.abort();
    });
    return () => left.abort();
  }, [seen, caller.book, caller.token]);

  const prices = useMemo(() => {
    const newest = new Map(told);
    for (const [symbol, price] of read)
      if (price && (newest.get(symbol)?.at_ms ?? 0) < price.at_ms) newest.set(symbol, price);
    return newest;
  }, [read, told]);
  const onShown = (rows: readonly Position[]): void => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => see([...new Set(rows.map(({ symbol }) => symbol))]), REST_MS);
  };
  return { prices, error, again: () => see([...seen]), onShown };
}
