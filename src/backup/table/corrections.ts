import { facts } from './pairs.js';
import { asJson, CHOSEN, isLiveRow, orderOf, ROWS, type Staged } from './stage.js';

/** What a correction of a whole row says in the place of a column. */
export const WHOLE_ROW = 'row';

const INTO = '(table_name, row_id, column_name, before, after, reason, version)';

/** Keeps what the rows are before they are changed, for the corrections. */
export async function rememberBefore(staged: Staged): Promise<void> {
  await staged.session.query(
    `create temporary table claire_before on commit drop as
     select f.claire_row, to_jsonb(l) as row
     from ${CHOSEN} as f join ${ROWS} as b using (claire_row) join ${staged.live} as l on ${isLiveRow(staged)}`,
  );
}

/** A line for each row that came back, with the row: before there was none. */
export async function correctMissing(staged: Staged, reason: string): Promise<number> {
  const { session, schema, table } = staged;
  return count(
    session.query(
      `with recorded as (
         insert into ${schema}.corrections ${INTO}
         select $1, ${table.isNumbered ? 'b.id' : 'null'}, '${WHOLE_ROW}', null, ${asJson('b')}, $2, ${schema}.schema_version()
         from ${CHOSEN} as f join ${ROWS} as b using (claire_row) order by ${orderOf(staged, 'b')}
         returning 1
       ) select count(*)::float8 as count from recorded`,
      [table.name, reason],
    ),
  );
}

/** A line for each column that is another one now, profit that follows included. */
export async function correctDifferent(staged: Staged, reason: string): Promise<number> {
  const { session, schema, table, live } = staged;
  // A row without a number cannot be named by it: its line tells the whole row.
  const changed = table.isNumbered
    ? `select l.id, a.key as column_name, was.row -> a.key as before, a.value as after, was.claire_row
       from claire_before as was join ${CHOSEN} as f using (claire_row) join ${live} as l on l.id = f.live_id
       cross join jsonb_each(to_jsonb(l)) as a
       where a.key = any ($3) and a.value is distinct from was.row -> a.key`
    : `select null::bigint as id, '${WHOLE_ROW}' as column_name, was.row as before, to_jsonb(l) as after, was.claire_row
       from claire_before as was join ${ROWS} as b using (claire_row) join ${live} as l on ${isLiveRow(staged)}
       where cardinality($3::text[]) > 0`;
  return count(
    session.query(
      `with recorded as (
         insert into ${schema}.corrections ${INTO}
         select $1, id, column_name, before, after, $2, ${schema}.schema_version()
         from (${changed}) as c order by claire_row, column_name
         returning 1
       ) select count(*)::float8 as count from recorded`,
      [table.name, reason, facts(staged)],
    ),
  );
}

const count = async (rows: Promise<{ count: number }[]>): Promise<number> => (await rows)[0]!.count;
