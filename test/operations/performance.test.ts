import Big from 'big.js';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Claire } from '../../src/index.js';
import { emptyBook, useBook } from '../harness/book.js';

const book = useBook();
const { sql } = book;
const DAY = 86_400_000;
const T = Date.UTC(2024, 0, 12);

interface Closed {
  at: number;
  symbol: string;
  /** In hundredths, of a trade of one. */
  pnl: number;
  commission: number | null;
}

let claire: Claire;
beforeEach(async () => {
  claire ??= await book.connect();
  await emptyBook(book);
});

async function record(trades: readonly Closed[]): Promise<void> {
  if (trades.length === 0) return;
  await sql(
    `insert into trades (trade_id, symbol, side, quantity, entry_price, entry_timestamp, exit_price, exit_timestamp, status, commission)
     values ${trades
       .map(
         ({ at, symbol, pnl, commission }, n) =>
           `('t${n}', '${symbol}', 'BUY', 1, 1000, ${T - DAY}, 1000 + ${pnl} / 100.0, ${at}, 'CLOSED', ${commission ?? 'null'})`,
       )
       .join()}`,
  );
}

const closed = (at: number, pnl: number, symbol = 'X', commission: number | null = null): Closed => ({
  ...{ at: T + at, pnl, symbol, commission },
});
const hundredths = (value: number) => new Big(value).div(100).toFixed();

describe('the figures', () => {
  test('of nothing are nothing, and no division by it', async () => {
    expect(await claire.performance()).toMatchObject({
      ...{
        closed_trades: 0,
        wins: 0,
        losses: 0,
        win_rate: null,
        profit_factor: null,
        pnl: '0',
        drawdown: '0',
      },
      ...{
        drawdown_pct: null,
        drawdown_from: null,
        drawdown_until: null,
        equity: [],
        daily: [],
        by_symbol: [],
      },
    });
  });

  test('are those of a small example, worked out by hand', async () => {
    await record([
      closed(1, 1000, 'A', 1),
      closed(2, -400, 'B', 2),
      closed(3, -300, 'A'),
      closed(4, 500, 'B', 0),
      closed(DAY, 0, 'A', 0),
    ]);
    await claire.setCapital({ amount: '200', reason: 'r' });
    const found = await claire.performance();
    expect(found).toMatchObject({
      ...{ closed_trades: 5, wins: 2, losses: 2, win_rate: '0.4', profit_factor: '2.142857' },
      ...{ pnl: '8', pnl_net: '8', commission: '3', commission_unknown: 1 },
      ...{
        average_pnl: '1.6',
        average_win: '7.5',
        average_loss: '-3.5',
        largest_win: '10',
        largest_loss: '-4',
      },
      ...{
        drawdown: '7',
        drawdown_pct: '3.5',
        drawdown_from: T + 1,
        drawdown_until: T + 3,
        time_zone: 'UTC',
      },
    });
    expect(found.daily).toEqual([
      { day: '2024-01-12', closed_trades: 4, pnl: '8', pnl_net: '8' },
      { day: '2024-01-13', closed_trades: 1, pnl: '0', pnl_net: '0' },
    ]);
    expect(
      found.by_symbol.map(({ symbol, pnl, wins, win_rate, profit_factor }) => [
        symbol,
        pnl,
        wins,
        win_rate,
        profit_factor,
      ]),
    ).toEqual([
      ['A', '7', 1, '0.333333', '3.333333'],
      ['B', '1', 1, '0.5', '1.25'],
    ]);
    const part = await claire.performance({ symbol: 'B', since: T + 2, until: T + 4 });
    expect(part).toMatchObject({ closed_trades: 1, pnl: '-4', drawdown: '4', drawdown_from: null });
  });

  test('have days of the zone of the limits, also where clocks are set', async () => {
    await claire.setLimits({ changes: { time_zone: 'America/New_York' }, reason: 'r' });
    const at = (iso: string): Closed => ({ at: Date.parse(iso), pnl: 100, symbol: 'X', commission: null });
    await record([
      ...[at('2024-03-10T04:59:59Z'), at('2024-03-10T05:00:00Z'), at('2024-03-11T03:59:59Z')],
      ...[at('2024-03-11T04:00:00Z'), at('2024-11-04T04:59:59Z'), at('2024-11-04T05:00:00Z')],
    ]);
    const { daily } = await claire.performance();
    expect(daily.map(({ day, closed_trades }) => `${day} ${closed_trades}`)).toEqual([
      ...['2024-03-09 1', '2024-03-10 2', '2024-03-11 1', '2024-11-03 1', '2024-11-04 1'],
    ]);
  });

  test('keep every digit', async () => {
    await sql(
      `insert into trades (trade_id, symbol, side, quantity, entry_price, entry_timestamp, exit_price, exit_timestamp, status)
       values ('d', 'X', 'BUY', 99999999.99999999, 1, ${T - 1}, 123456789.12345678, ${T}, 'CLOSED')`,
    );
    const { pnl, equity, by_symbol, daily } = await claire.performance();
    expect(pnl.replace('.', '').length).toBeGreaterThan(20);
    expect([equity[0]!.pnl, by_symbol[0]!.pnl, daily[0]!.pnl]).toEqual([pnl, pnl, pnl]);
  });

  test('are those of a plain model, whatever was closed when', async () => {
    const trade = fc.record({
      at: fc.integer({ min: 0, max: 40 * DAY }).map((at) => T + at),
      symbol: fc.constantFrom('A', 'B', 'C'),
      pnl: fc.integer({ min: -5000, max: 5000 }),
      commission: fc.option(fc.integer({ min: -2, max: 9 })),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(trade, { maxLength: 60 }), async (trades) => {
        await emptyBook(book);
        await record(trades);
        const found = await claire.performance();
        const sum = (some: readonly Closed[]) => some.reduce((total, { pnl }) => total + pnl, 0);
        expect(found.pnl).toBe(hundredths(sum(trades)));
        let [equity, peak, fall] = [0, 0, 0];
        const moments = [...new Set(trades.map(({ at }) => at))].sort((a, b) => a - b);
        for (const moment of moments) {
          equity += sum(trades.filter(({ at }) => at === moment));
          peak = Math.max(peak, equity);
          fall = Math.max(fall, peak - equity);
        }
        expect(found.drawdown).toBe(hundredths(fall));
        expect(found.equity.length).toBeLessThanOrEqual(500);
        for (const point of found.equity)
          expect(point.pnl).toBe(hundredths(sum(trades.filter(({ at }) => at <= point.at))));
        const falls = found.equity.map(({ drawdown }) => Number(drawdown) * 100);
        expect(Math.round(Math.max(0, ...falls))).toBe(fall);
        for (const { day, pnl } of found.daily)
          expect(pnl).toBe(
            hundredths(sum(trades.filter(({ at }) => new Date(at).toISOString().slice(0, 10) === day))),
          );
        for (const { symbol, pnl, commission_unknown } of found.by_symbol) {
          const own = trades.filter((one) => one.symbol === symbol);
          expect(pnl).toBe(hundredths(sum(own)));
          expect(commission_unknown).toBe(own.filter(({ commission }) => commission === null).length);
        }
        expect(found.daily.reduce((n, { closed_trades }) => n + closed_trades, 0)).toBe(trades.length);
      }),
      { numRuns: 25 },
    );
  });

  test('of more moments than points are 500 points, the last of them the whole', async () => {
    await sql(
      `insert into trades (trade_id, symbol, side, quantity, entry_price, entry_timestamp, exit_price, exit_timestamp, status)
       select 'm' || n, 'X', 'BUY', 1, 1, ${T - 1}, 2, ${T} + n * 1000, 'CLOSED' from generate_series(1, 3000) as n`,
    );
    const { equity, pnl } = await claire.performance();
    expect(equity.length).toBe(500);
    expect(equity.at(-1)).toEqual({ at: T + 3_000_000, pnl, pnl_net: pnl, drawdown: '0' });
  });
});
