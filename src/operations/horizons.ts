import { z } from 'zod';
import { out, reason } from './fields.js';
import type { Operation } from './operation.js';
import { ID, words } from './page.js';
import { defineRead } from './read.js';

const TABLES = ['signals', 'orders', 'risk_events', 'candles'] as const;
const table = z.enum(TABLES).meta({ description: 'Table that has a horizon' });
const filters = { table: table.optional() };
const where = { table: 'table_name = $' };

export const horizons = defineRead({
  summary: 'How long rows of each table are kept after they were recorded; trades are kept for ever.',
  from: 'horizons_in_force',
  whole: true,
  row: z.object({
    version: out.count.meta({ description: 'Counts through the tables: each change has its own' }),
    table_name: out.text,
    keep_seconds: out.count.nullable().meta({ description: 'Null: for ever' }),
    reason: out.text,
    actor: out.text.meta({ description: 'Login that set it' }),
    created_at: out.time,
  }),
  filters,
  where,
  order: { direction: 'asc', keys: [words('table_name')] },
});

export const retentionRuns = defineRead({
  summary: 'Runs of retention, newest first: what each removed of a table, by which horizon and backup.',
  from: 'retention_runs',
  row: z.object({
    id: out.rowId.meta({ description: 'Number of the run' }),
    table_name: out.text,
    due_before: out.time.meta({ description: 'What was recorded before this was to go' }),
    backup: out.text
      .nullable()
      .meta({ description: 'Verified backup that holds what went; null: none was asked for' }),
    outcome: out.text.meta({ description: 'done, stopped, failed, cut_off or running' }),
    looked: out.count.meta({ description: 'Rows looked at' }),
    removed: out.count.meta({ description: 'Rows of the table that went' }),
    with_decisions: out.count.meta({ description: 'Decisions that went with their orders' }),
    with_history: out.count.meta({ description: 'States of orders that went with them' }),
    with_signals: out.count.meta({ description: 'Signals that went with their orders' }),
    bytes: out.count.meta({ description: 'Size of all rows that went' }),
    actor: out.text,
    started_at: out.time,
    ended_at: out.time.meta({ description: 'Its last batch, where it still runs' }),
  }),
  expressions: { id: 't.id::text' },
  filters,
  where,
  order: { direction: 'desc', keys: [ID] },
});

const input = z.strictObject({
  table,
  keep_seconds: z
    .number()
    .int('a whole number is wanted')
    .min(1, 'it is at least 1')
    .nullable()
    .meta({ description: 'Seconds after which a row that nothing names leaves; null: it stays for ever' }),
  reason,
});
const versionSet = z.object({
  version: out.count.meta({ description: 'Version in force; the one before where nothing differs' }),
});

export const setHorizon: Operation<typeof input, z.output<typeof versionSet>> = {
  summary:
    'Sets how long rows of a table are kept after they were recorded, as a new version, with who and why.',
  kind: 'write',
  input,
  result: versionSet,
  async run({ database, book }, { table, keep_seconds, reason }) {
    const [row] = await database.query<{ version: number }>(
      `select ${book}.set_horizon($1, $2, $3) as version`,
      [table, keep_seconds, reason],
    );
    return row!;
  },
};
