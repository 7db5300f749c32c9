import type { IChartApi, SeriesMarker, Time, UTCTimestamp } from 'lightweight-charts';
import { firstRows, get, type Rows } from '../api.js';
import { count, pixels } from '../exact.js';
import { useLoad } from '../load.js';
import type { Candle, Performance, Trade } from '../record.js';
import { moment } from '../time.js';
import { Attribution, Chart, colour } from '../ui/chart.js';
import { Answer, Empty, Panel } from '../ui/panel.js';

type Library = typeof import('lightweight-charts');

/** The chart's own time is seconds. */
const at = (ms: number): UTCTimestamp => Math.floor(ms / 1000) as UTCTimestamp;

/** One point a second at most, the last one of it: the chart takes times that rise. */
function rising<Point extends { time: UTCTimestamp }>(points: readonly Point[]): Point[] {
  return points.filter((point, n) => point.time !== points[n + 1]?.time);
}

export function Equity({ of }: { of: Performance }) {
  if (of.equity.length === 0)
    return (
      <Empty command="claire trades --status CLOSED">
        No trade was closed in this span: the curve begins with the first exit.
      </Empty>
    );
  return (
    <>
      <Chart
        label={`Equity curve from ${moment(of.equity[0]!.at)}, and its drawdown, ${of.drawdown} at most`}
        height_px={300}
        of={of}
        draw={(chart, library) => drawEquity(chart, library, of)}
      />
      <Attribution />
    </>
  );
}

function drawEquity(chart: IChartApi, { AreaSeries, LineSeries }: Library, { equity }: Performance): void {
  const curve = chart.addSeries(AreaSeries, {
    ...{ lineColor: colour('accent'), topColor: colour('accent', 0.3), bottomColor: colour('accent', 0.02) },
    ...{ lineWidth: 2, priceLineVisible: false, title: 'gross' },
  });
  curve.setData(rising(equity.map((point) => ({ time: at(point.at), value: pixels(point.pnl) }))));
  const net = chart.addSeries(LineSeries, {
    ...{ color: colour('muted'), lineWidth: 1, lineStyle: 2, priceLineVisible: false, title: 'net' },
  });
  net.setData(rising(equity.map((point) => ({ time: at(point.at), value: pixels(point.pnl_net) }))));
  const under = chart.addSeries(
    AreaSeries,
    {
      ...{ lineColor: colour('down'), topColor: colour('down', 0.02), bottomColor: colour('down', 0.3) },
      ...{ invertFilledArea: true, lineWidth: 1, priceLineVisible: false, title: 'drawdown' },
    },
    1,
  );
  under.setData(rising(equity.map((point) => ({ time: at(point.at), value: -pixels(point.drawdown) }))));
  chart.panes()[1]?.setHeight(90);
}

interface Span {
  symbol: string | undefined;
  since: number | undefined;
  until: number | undefined;
}

/** As many as a chart can show; the span is made shorter by the filters. */
const MOST_CANDLES = 10_000;
const MOST_TRADES = 2000;

export function Candles(span: Span) {
  const { symbol, since, until } = span;
  const key = `${symbol} ${since} ${until}`;
  const candles = useLoad(`candles ${key}`, async (caller) => {
    const wanted = symbol ?? (await get<Rows<Candle>>(caller, '/v1/candles', { limit: 1 })).rows[0]?.symbol;
    const filters = { symbol: wanted, since, until };
    if (wanted === undefined) return { symbol: '', rows: [], more: false, trades: [] as Trade[] };
    const found = await firstRows<Candle>(caller, '/v1/candles', filters, MOST_CANDLES);
    const trades = await firstRows<Trade>(caller, '/v1/trades', filters, MOST_TRADES);
    return { symbol: wanted, ...found, trades: trades.rows };
  });
  const unit = candles.data?.rows.length
    ? `${candles.data.symbol}, ${count(candles.data.rows.length)} candles${candles.data.more ? ', the first of more' : ''}`
    : undefined;
  return (
    <Panel title="Candles with entries and exits" unit={unit} tall="high" at_ms={candles.at_ms}>
      <Answer of={candles}>
        {(data) =>
          data.rows.length === 0 ? (
            <Empty command="claire replay CANDLES.csv">
              No candles are recorded{symbol ? ` of ${symbol}` : ''}: a replay records those that it reads.
            </Empty>
          ) : (
            <Chart
              label={`Candles of ${data.symbol} from ${moment(data.rows[0]!.timestamp)} with entries and exits`}
              height_px={340}
              of={data}
              draw={(chart, library) => drawCandles(chart, library, data)}
            />
          )
        }
      </Answer>
    </Panel>
  );
}

function drawCandles(
  chart: IChartApi,
  { CandlestickSeries, createSeriesMarkers }: Library,
  { rows, trades }: { rows: readonly Candle[]; trades: readonly Trade[] },
): void {
  const [up, down] = [colour('up'), colour('down')];
  const series = chart.addSeries(CandlestickSeries, {
    ...{ upColor: 'transparent', borderUpColor: up, wickUpColor: up },
    ...{ downColor: down, borderDownColor: down, wickDownColor: down },
    priceLineVisible: false,
    lastValueVisible: false,
  });
  const bars = rows.map(({ timestamp, open, high, low, close }) => ({
    ...{ time: at(timestamp), open: pixels(open), high: pixels(high) },
    ...{ low: pixels(low), close: pixels(close) },
  }));
  series.setData(rising(bars));
  const last = rows.at(-1)!.timestamp;
  const markers = trades
    .flatMap((trade) => markersOf(trade, up, down))
    .filter(({ time }) => (time as number) <= at(last))
    .sort((a, b) => (a.time as number) - (b.time as number));
  createSeriesMarkers(series, markers);
}

function markersOf(trade: Trade, up: string, down: string): SeriesMarker<Time>[] {
  const { side, entry_timestamp, exit_timestamp } = trade;
  const isLong = side === 'BUY';
  const entry: SeriesMarker<Time> = {
    time: at(entry_timestamp),
    position: isLong ? 'belowBar' : 'aboveBar',
    shape: isLong ? 'arrowUp' : 'arrowDown',
    color: isLong ? up : down,
  };
  if (exit_timestamp === null) return [entry];
  return [entry, { time: at(exit_timestamp), position: 'inBar', shape: 'circle', color: colour('muted') }];
}
