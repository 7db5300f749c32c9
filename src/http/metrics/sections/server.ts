import { BUDGET } from '../../../database/index.js';
import type { Section } from '../collector.js';

/** Who is connected. */
export const connections: Section = {
  name: 'connections',
  async collect({ session, page }) {
    const rows = await session.query<{ role: string; connections: number }>(
      `select usename::text as role, count(*)::int as connections from pg_stat_activity
       where datname = current_database() and usename is not null
         -- Of sessions that this login may not look into the kind is not told.
         and coalesce(backend_type, 'client backend') = 'client backend'
       group by 1`,
    );
    for (const { role, connections } of rows) page.set('claire_connections', { role }, connections);
    page.set('claire_connections_budget', {}, BUDGET);
  },
};

/** Whether the log is archived, where it is to be. */
export const archive: Section = {
  name: 'archive',
  async collect({ session, page }) {
    const [row] = await session.query<{ failed: number; last_seconds: number | null }>(
      `select failed_count::float8 as failed, extract(epoch from last_archived_time)::float8 as last_seconds
       from pg_stat_archiver where current_setting('archive_mode') <> 'off'`,
    );
    if (!row) return;
    page.set('claire_wal_archive_failures_total', {}, row.failed);
    if (row.last_seconds !== null)
      page.set('claire_wal_last_archived_timestamp_seconds', {}, row.last_seconds);
  },
};
