import { z } from 'zod';
import { out } from './fields.js';
import type { Operation } from './operation.js';
import { CLOSED_WHERE, closedInput } from './profit.js';
import { conditionsOf } from './read.js';

const share = {
  closed_trades: out.count,
  wins: out.count.meta({ description: 'Trades with a profit' }),
  losses: out.count.meta({
    description: 'Trades with a loss; what is neither won nor lost is in no count but the first',
  }),
  win_rate: out.decimal.nullable().meta({ description: 'wins / closed_trades, from 0 to 1' }),
  profit_factor: out.decimal
    .nullable()
    .meta({ description: 'Sum of the profits / sum of the losses; null where nothing was lost' }),
  pnl: out.decimal.meta({ description: 'Gross profit' }),
  pnl_net: out.decimal.meta({ description: 'Over the trades whose commission is known' }),
  commission: out.decimal,
  commission_unknown: out.count.meta({ description: 'Closed trades whose commission is not known' }),
};

const result = z.object({
  ...share,
  average_pnl: out.decimal.nullable(),
  average_win: out.decimal.nullable(),
  average_loss: out.decimal.nullable(),
  largest_win: out.decimal.nullable(),
  largest_loss: out.decimal.nullable(),
  drawdown: out.decimal.meta({ description: 'Largest fall of the gross profit below its highest before' }),
  drawdown_pct: out.decimal
    .nullable()
    .meta({ description: 'In percent of the capital at its lowest; null where no capital is recorded' }),
  drawdown_from: out.time
    .nullable()
    .meta({ description: 'Exit time of the highest before; null where that is the beginning' }),
  drawdown_until: out.time.nullable().meta({ description: 'Exit time of the lowest' }),
  time_zone: out.text.meta({ description: 'Zone in which a day begins, as the limits have it' }),
  equity: z
    .array(
      z.object({
        at: out.time.meta({ description: 'Exit time of the last trade that is in it' }),
        pnl: out.decimal.meta({ description: 'Gross profit up to here' }),
        pnl_net: out.decimal,
        drawdown: out.decimal.meta({ description: 'Largest since the point before' }),
      }),
    )
    .meta({ description: 'The profit added up along the exit times, 500 points at most' }),
  daily: z
    .array(
      z.object({
        day: out.text.meta({ description: 'As YYYY-MM-DD' }),
        closed_trades: out.count,
        pnl: out.decimal,
        pnl_net: out.decimal,
      }),
    )
    .meta({ description: 'Days on which trades were closed' }),
  by_symbol: z.array(z.object({ symbol: out.text, ...share })).meta({ description: 'Most profit first' }),
});

const POINTS = 500;

/** What the closed trades of a span brought. Trades that ended at one moment count at once. */
export const performance: Operation<typeof closedInput, z.output<typeof result>> = {
  summary: 'What the closed trades of a span brought: equity curve, days, drawdown, win rate, by symbol.',
  kind: 'read',
  input: closedInput,
  result,
  async run({ database, book }, given) {
    const { where, values } = conditionsOf(CLOSED_WHERE, given, book);
    const closed = `${book}.trades where status = 'CLOSED' and pnl <> 'NaN' and ${where}`;
    const [row] = await database.query<z.output<typeof result>>(
      `with recursive ${partsOf(book, closed)}, ${curveOf(closed)}
       select ${shareOf('p')}, ${EXTREMES},
         coalesce((select fall from lowest), 0) as drawdown,
         (select round(fall * 100 / ${book}.balance_of(at), 4) from lowest) as drawdown_pct,
         (select r.at from running as r, lowest as l where r.at < l.at and r.equity = l.peak order by r.at desc limit 1)
           as drawdown_from,
         (select at from lowest) as drawdown_until,
         (select name from zone) as time_zone,
         coalesce((select jsonb_agg(jsonb_build_object(
           'at', e.at, 'pnl', ${text('e.pnl')}, 'pnl_net', ${text('e.pnl_net')}, 'drawdown', ${text('e.drawdown')}
         ) order by e.at) from equity as e), '[]') as equity,
         coalesce((select jsonb_agg(to_jsonb(d) order by d.day) from (
           select d.day, sum(p.num_trades) as closed_trades, ${text('sum(p.pnl)')} as pnl, ${text('sum(p.pnl_net)')} as pnl_net
           from parts as p join named_days as d on d.place = p.place group by d.day
         ) as d), '[]') as daily,
         coalesce((select jsonb_agg(to_jsonb(s) - 'gross' order by s.gross desc, s.symbol) from (
           select p.symbol, sum(p.pnl) as gross, ${shareOf('p', text)} from parts as p group by p.symbol
         ) as s), '[]') as by_symbol
       from parts as p`,
      values,
    );
    return row!;
  },
};

/** Decimals inside of JSON, with every digit. */
const text = (sql: string): string => `trim_scale(${sql})::text`;

/** The trades by market day and symbol, of which days, symbols and the whole are added up. */
const partsOf = (book: string, closed: string): string => `
  zone as materialized (select (${book}.book_limits()).time_zone as name),
  span as materialized (select min(exit_timestamp) as first, max(exit_timestamp) as last from ${closed}),
  days (place, day_from, day_until) as (
    select 1, d.* from span, zone, ${book}.market_day(span.first, zone.name) as d where span.first is not null
    union all
    select days.place + 1, d.* from days, span, zone, ${book}.market_day(days.day_until, zone.name) as d
    where days.day_until <= span.last
  ),
  named_days as (
    select place, to_char(timezone(zone.name, to_timestamp(day_from / 1000.0)), 'YYYY-MM-DD') as day from days, zone
  ),
  parts as materialized (
    select width_bucket(exit_timestamp, (select array_agg(day_from order by place) from days)) as place, symbol,
      count(*) as num_trades, count(*) filter (where pnl > 0) as wins, count(*) filter (where pnl < 0) as losses,
      sum(pnl) as pnl, coalesce(sum(pnl_net), 0) as pnl_net, coalesce(sum(commission), 0) as commission,
      count(*) filter (where commission is null) as commission_unknown,
      coalesce(sum(pnl) filter (where pnl > 0), 0) as won, coalesce(sum(pnl) filter (where pnl < 0), 0) as lost,
      max(pnl) as most, min(pnl) as least
    from ${closed} group by 1, 2
  )`;

/** The profit along the exit times: its index has them in order, with what is added up. */
const curveOf = (closed: string): string => `
  running as materialized (
    select at, pnl, pnl_net, equity, greatest(max(equity) over (order by at rows unbounded preceding), 0) as peak
    from (
      select at, pnl, pnl_net, sum(pnl) over (order by at rows unbounded preceding) as equity
      from (
        select exit_timestamp as at, sum(pnl) as pnl, coalesce(sum(pnl_net), 0) as pnl_net
        from ${closed} group by exit_timestamp
      ) as moments
    ) as summed
  ),
  lowest as materialized (
    select at, peak, peak - equity as fall from running where equity < peak order by peak - equity desc, at limit 1
  ),
  equity as materialized (
    select at, sum(pnl) over (order by at) as pnl, sum(pnl_net) over (order by at) as pnl_net, drawdown
    from (
      select max(r.at) as at, sum(r.pnl) as pnl, sum(r.pnl_net) as pnl_net, max(r.peak - r.equity) as drawdown
      from running as r cross join span as s
      group by (r.at - s.first) * ${POINTS} / (s.last - s.first + 1)
    ) as points
  )`;

/** SQL of the figures that the whole and each symbol have; decimals as `as` writes them. */
function shareOf(parts: string, as = (sql: string) => sql): string {
  const sum = (column: string) => `coalesce(sum(${parts}.${column}), 0)`;
  const count = (column: string) => `${sum(column)}::bigint`;
  return `
    ${count('num_trades')} as closed_trades, ${count('wins')} as wins, ${count('losses')} as losses,
    ${as(`round(sum(${parts}.wins) / nullif(sum(${parts}.num_trades), 0), 6)`)} as win_rate,
    ${as(`round(sum(${parts}.won) / nullif(-sum(${parts}.lost), 0), 6)`)} as profit_factor,
    ${as(sum('pnl'))} as pnl, ${as(sum('pnl_net'))} as pnl_net, ${as(sum('commission'))} as commission,
    ${count('commission_unknown')} as commission_unknown`;
}

const EXTREMES = `
  round(sum(p.pnl) / nullif(sum(p.num_trades), 0), 8) as average_pnl,
  round(sum(p.won) / nullif(sum(p.wins), 0), 8) as average_win,
  round(sum(p.lost) / nullif(sum(p.losses), 0), 8) as average_loss,
  max(p.most) filter (where p.most > 0) as largest_win, min(p.least) filter (where p.least < 0) as largest_loss`;
