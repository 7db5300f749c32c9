import { z } from 'zod';
import { ClaireError } from '../errors/index.js';
import { changes, named, out, reason, rowNumber, table } from './fields.js';
import type { Context, Operation } from './operation.js';
import { ID } from './page.js';
import { defineRead } from './read.js';

/** SQL: a float of this process would drop zeros at the end and digits; NaN and infinity are text already. */
const rowAsText = `(
  select jsonb_object_agg(key, case jsonb_typeof(value) when 'number' then to_jsonb(value #>> '{}') else value end)
  from jsonb_each(t.row)
)`;

const STATES = ['held', 'released', 'discarded'] as const;

export const quarantined = defineRead({
  summary: 'Rows that a migration moved out of their table because they break laws, newest first.',
  from: 'quarantine',
  row: z.object({
    id: out.rowId.meta({ description: 'Number in quarantine' }),
    table_name: out.text,
    row_id: out.rowId.meta({ description: 'Number of the row in its table' }),
    laws: z.array(out.text).meta({ description: 'Laws that the row breaks' }),
    state: z.enum(STATES),
    reason: out.text,
    actor: out.text.meta({ description: 'Login that moved it' }),
    version: out.text.meta({ description: 'Version of the schema at that time' }),
    decided_reason: out.text.nullable().meta({ description: 'Why it was released or discarded' }),
    decided_by: out.text.nullable(),
    decided_at: out.time.nullable(),
    created_at: out.time,
    row: out.json.meta({ description: 'The row, whole; its numbers as text, every digit as it was' }),
  }),
  expressions: { id: 't.id::text', row_id: 't.row_id::text', row: rowAsText },
  filters: {
    state: z.enum(STATES).optional().meta({ description: 'Held until somebody decides; all by default' }),
    table: table.optional(),
    law: named('Law that the row breaks'),
  },
  where: { state: 't.state = $', table: 't.table_name = $', law: 't.laws @> array[$]' },
  order: { direction: 'desc', keys: [ID] },
});

const where = z.object({
  table_name: out.text,
  row_id: out.rowId.meta({ description: 'Number of the row in its table' }),
});
const id = rowNumber.meta({ description: 'Number in quarantine' });

const release = z.strictObject({ id, changes: changes.default('{}'), reason });
const released = where.extend({
  corrected: out.count.meta({ description: 'Columns that differ from what was held' }),
});

export const releaseQuarantined: Operation<typeof release, z.output<typeof released>> = {
  summary:
    'Puts a row in quarantine back into its table under its own number, with changes that make it lawful; each is recorded.',
  kind: 'write',
  input: release,
  result: released,
  run: (context, { id, changes, reason }) =>
    decide(context, `${context.book}.release_row(id, $2, $3) as corrected`, [id, changes, reason]),
};

const discard = z.strictObject({ id, reason });

export const discardQuarantined: Operation<typeof discard, z.output<typeof where>> = {
  summary: 'Decides that a row in quarantine does not come back; it stays there to be read.',
  kind: 'write',
  input: discard,
  result: where,
  run: async (context, { id, reason }) => {
    const { table_name, row_id } = await decide<z.output<typeof where>>(
      context,
      `${context.book}.discard_row(id, $2) as discarded`,
      [id, reason],
    );
    return { table_name, row_id };
  },
};

async function decide<Row>({ database, book }: Context, call: string, values: string[]): Promise<Row> {
  const [row] = await database.query<Row & object>(
    `select table_name, row_id::text, ${call} from ${book}.quarantine where id = $1::bigint`,
    values,
  );
  if (!row) throw new ClaireError('not_found', { found: `There is no row ${values[0]} in quarantine.` });
  return row;
}
