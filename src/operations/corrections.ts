import { z } from 'zod';
import { named, out, rowNumber, table, time } from './fields.js';
import { ID, moment as recorded } from './page.js';
import { defineRead } from './read.js';

/** SQL: Unix milliseconds as the columns of recording have them. An interval holds milliseconds exactly. */
const moment = `timestamp 'epoch' + $::bigint * interval '1 millisecond'`;

export const corrections = defineRead({
  summary: 'Corrections of recorded rows, newest first: by hand, by a migration, on release from quarantine.',
  from: 'corrections',
  row: z.object({
    id: out.rowId,
    table_name: out.text,
    row_id: out.rowId.meta({ description: 'Number of the row in its table' }),
    column_name: out.text,
    before: out.text.nullable().meta({ description: 'Value before, as text: every digit as it was' }),
    after: out.text.nullable().meta({ description: 'Value since, as text' }),
    law: out.text.nullable().meta({ description: 'Law that the value before broke, where one is named' }),
    reason: out.text,
    actor: out.text.meta({ description: 'Login that corrected it' }),
    version: out.text.meta({ description: 'Version of the schema at that time' }),
    created_at: out.time,
  }),
  expressions: {
    id: 't.id::text',
    row_id: 't.row_id::text',
    before: `t.before #>> '{}'`,
    after: `t.after #>> '{}'`,
  },
  filters: {
    table: table.optional(),
    row: rowNumber.optional(),
    older_than: rowNumber
      .optional()
      .meta({ description: 'Number of a correction: those before it, for the next page' }),
    column: named('Column that was corrected'),
    law: named('Law that the value before broke'),
    since: time.optional().meta({ description: 'Time of recording from which on, this moment included' }),
    until: time.optional().meta({ description: 'Time of recording up to which, this moment not included' }),
  },
  where: {
    table: 't.table_name = $',
    row: 't.row_id = $::bigint',
    older_than:
      // Of a number that is not there everything is before it, as of one that is still to come.
      `(t.created_at, t.id) < (
        select coalesce(max(c.created_at), 'infinity'), $::bigint from {book}.corrections as c where c.id = $::bigint
      )`,
    column: 't.column_name = $',
    law: 't.law = $',
    since: `t.created_at >= ${moment}`,
    until: `t.created_at < ${moment}`,
  },
  // Not by the id alone: a span of time is then a span of the index in the order of the answer.
  order: { direction: 'desc', keys: [recorded('t.created_at'), ID] },
});
