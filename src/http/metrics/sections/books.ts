import { identifier } from '../../../database/index.js';
import { RISK_EVENT_TYPES } from '../../../domain/vocabulary.js';
import type { Section } from '../collector.js';
import { shownMoney } from '../money.js';

/** A gauge that says `over 100,000` is as good as the number, and a scrape must not read what nobody folds. */
const MOST_CHANGES = 100_000;
const MOST_EVENTS = 10_000;

/** Whether trading is halted, and what is held. */
export const trading: Section = {
  name: 'trading',
  async collect({ session, books, page }) {
    for (const book of books) {
      const schema = identifier(book);
      const [row] = await session.query<{ cause: string | null; exposure: string; open_trades: number }>(
        `select h.cause, held.* from ${schema}.halt_gate as g
         left join ${schema}.halts as h on h.id = g.halt_id and (h.until is null or h.until > $1::bigint)
         cross join (
           select coalesce(sum(total_value_usd), 0)::text as exposure,
             coalesce(sum(num_trades), 0)::float8 as open_trades
           from ${schema}.position_sums
         ) as held`,
        [Date.now()],
      );
      const { cause, exposure, open_trades } = row!;
      page.set('claire_trading_halted', { book }, cause === null ? 0 : 1);
      page.set('claire_circuit_breaker_tripped', { book }, cause === 'drawdown' ? 1 : 0);
      page.set('claire_exposure_gross', { book }, shownMoney(exposure));
      page.set('claire_open_trades', { book }, open_trades);
    }
  },
};

/** How old is what clients read of positions. */
export const positions: Section = {
  name: 'positions',
  async collect({ session, books, page }) {
    for (const book of books) {
      const schema = identifier(book);
      const [row] = await session.query<{ age_seconds: number | null; unfolded: number }>(
        `select
           (select extract(epoch from timezone('UTC', clock_timestamp()) - last_refresh)::float8
            from ${schema}.materialized_view_refreshes where view_name = 'positions_realtime') as age_seconds,
           (select count(*)::int from (
              select from ${schema}.position_changes limit ${MOST_CHANGES}
            ) as c) as unfolded`,
      );
      const { age_seconds, unfolded } = row!;
      if (age_seconds !== null) page.set('claire_positions_refresh_age_seconds', { book }, age_seconds);
      page.set('claire_position_changes_unfolded', { book }, unfolded);
    }
  },
};

/** What was earned since the day began, by the index of closed trades. */
export const profit: Section = {
  name: 'profit',
  async collect({ session, books, page }) {
    for (const book of books) {
      const schema = identifier(book);
      // The same day as the limit of a drawdown has it.
      const [row] = await session.query<{ pnl: string; pnl_net: string }>(
        `select coalesce(sum(pnl), 0)::text as pnl, coalesce(sum(pnl_net), 0)::text as pnl_net
         from ${schema}.trades
         where status = 'CLOSED' and exit_timestamp >= (
           select d.day_from
           from (select time_zone from ${schema}.limits where symbol is null order by version desc limit 1) as l,
             lateral ${schema}.market_day($1::bigint, l.time_zone) as d
         )`,
        [Date.now()],
      );
      page.set('claire_realized_profit_today', { book }, shownMoney(row!.pnl));
      page.set('claire_realized_profit_net_today', { book }, shownMoney(row!.pnl_net));
    }
  },
};

const HOUR_MS = 3_600_000;
const WINDOWS = { '1h': HOUR_MS, '24h': 24 * HOUR_MS } as const;

/** A count over the whole table would read it whole; by type and time an index has it. */
export const riskEvents: Section = {
  name: 'risk_events',
  async collect({ session, books, page }) {
    const now = Date.now();
    for (const book of books) {
      const rows = await session.query<{ type: string; window: string; events: number }>(
        `select t.type, w.name as window, (
           select count(*)::int from (
             select from ${identifier(book)}.risk_events
             where event_type = t.type and timestamp >= w.since limit ${MOST_EVENTS}
           ) as e
         ) as events
         from unnest($1::text[]) as t (type), unnest($2::text[], $3::bigint[]) as w (name, since)`,
        [RISK_EVENT_TYPES, Object.keys(WINDOWS), Object.values(WINDOWS).map((length) => now - length)],
      );
      for (const { type, window, events } of rows)
        page.set('claire_risk_events_recent', { book, type, window }, events);
    }
  },
};
