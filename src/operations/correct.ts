import { z } from 'zod';
import { ClaireError } from '../errors/index.js';
import { changes, id, out, reason, rowNumber } from './fields.js';
import type { Operation } from './operation.js';

/** What can be corrected: the table, and the id by which people name its rows. */
export const CORRECTABLE = {
  signal: { table: 'signals', key: 'signal_id' },
  order: { table: 'orders', key: 'order_id' },
  trade: { table: 'trades', key: 'trade_id' },
  'risk-event': { table: 'risk_events', key: 'event_id' },
} as const;

const input = z.strictObject({
  what: z.enum(['signal', 'order', 'trade', 'risk-event']).meta({ description: 'What is corrected' }),
  id: id('row, or its number in the table where it has none'),
  changes,
  reason,
});

const result = z.object({
  corrected: out.count.meta({ description: 'Columns that changed, those that follow included' }),
});

/** The only way to change what is recorded. Source of the rule: a closed trade is immutable, a mistake is not. */
export const correct: Operation<typeof input, z.output<typeof result>> = {
  summary:
    'Corrects columns of a recorded row and records what was changed and why; profit and positions follow.',
  kind: 'write',
  input,
  result,
  async run({ database, book }, { what, id, changes, reason }) {
    const { table, key } = CORRECTABLE[what];
    const number = rowNumber.safeParse(id).data ?? null;
    const rows = await database.query<{ id: string }>(
      `select id::text from ${book}.${table} where ${key} = $1 or (${key} is null and id = $2::bigint)`,
      [id, number],
    );
    if (rows.length !== 1) throw new ClaireError('not_found', { found: `There is no ${what} ${id}.` });
    const [row] = await database.query<{ corrected: number }>(
      `select ${book}.correct_record($1, $2, $3, $4) as corrected`,
      [table, rows[0]!.id, changes, reason],
    );
    return { corrected: row!.corrected };
  },
};
