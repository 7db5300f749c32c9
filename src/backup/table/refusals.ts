import { ClaireError } from '../../errors/index.js';
import type { Apply } from './apply.js';
import { findValues } from './diff.js';
import { findSql } from './pairs.js';
import { CHOSEN, orderOf, ROWS, type Staged } from './stage.js';

/** How many are named. */
const NAMED = 5;

/** SQL: what people call a row of the backup. */
const nameOf = ({ table }: Staged, row: string): string => {
  const key = table.key.map((column) => `${row}.${column}::text`).join(`, `);
  return table.isNumbered ? `coalesce(${key}, 'number ' || ${row}.id)` : `concat_ws(' ', ${key})`;
};

/** Names what rows name and is not there, before the server would say it of one of them. */
export async function refuseOrphans(staged: Staged, apply: Apply): Promise<void> {
  const { session, schema, table } = staged;
  if (!table.parent) return;
  const { column, table: parent } = table.parent;
  const touched = apply === 'missing' ? 'true' : `'${column}' = any (f.differing)`;
  const found = await session.query<{ name: string; names: string; count: number; rows: number }>(
    `select b.${column} as names, min(${nameOf(staged, 'b')}) as name, count(*) over ()::float8 as count,
       sum(count(*)) over ()::float8 as rows
     from ${CHOSEN} as f join ${ROWS} as b using (claire_row)
     where ${touched} and b.${column} is not null
       and not exists (select from ${schema}.${parent} as p where p.${column} = b.${column})
     group by b.${column} order by b.${column} limit ${NAMED}`,
  );
  const [first] = found;
  if (!first) return;
  const named = found.map(({ names }) => names).join(', ');
  throw new ClaireError('restore_parent_missing', {
    found:
      `${first.rows} of the rows of ${table.name} (the first is ${first.name}) name ${first.count} of ${parent} that are not ` +
      `there: ${named}${first.count > found.length ? ', …' : ''}. Restore ${parent} first: --table ${parent} --apply missing; --expired, too, if retention has removed them.`,
    details: { table: parent, missing: first.count, examples: found.map(({ names }) => names) },
  });
}

/** A row keeps its number; where another row has it by now, the backup's cannot come back. */
export async function refuseClashes(staged: Staged): Promise<void> {
  const { session, table, live } = staged;
  if (!table.isNumbered) return;
  const found = await session.query<{ id: string; name: string; other: string; count: number }>(
    `select b.id::text, ${nameOf(staged, 'b')} as name, ${nameOf(staged, 'l')} as other, count(*) over ()::float8 as count
     from ${CHOSEN} as f join ${ROWS} as b using (claire_row) join ${live} as l on l.id = b.id
     order by b.id limit ${NAMED}`,
  );
  const [first] = found;
  if (!first) return;
  const clashes = found.map(
    ({ id, name, other }) => `${name} has the number ${id}, which ${other} has by now`,
  );
  throw new ClaireError('restore_row_refused', {
    found: `Table ${table.name}: ${clashes.join('; ')}${first.count > found.length ? `; and ${first.count - found.length} more` : ''}.`,
    details: { table: table.name, clashes: found.map(({ id, name, other }) => ({ id, name, other })) },
  });
}

/** Profit follows from prices by law, also where the price was corrected since and another column was brought back. */
const LAWFUL = `case when (l.pnl, l.pnl_pct, l.pnl_net) is not distinct from (
    select (p.pnl, p.pnl_pct, p.pnl_net)
    from {book}.profit_of(l.side, l.quantity, l.entry_price, l.exit_price, l.commission) as p
  ) then array['pnl', 'pnl_pct', 'pnl_net'] end`;

/** Looks whether each row stands as it was: a trigger may have made another of it. */
export async function refuseOthers(staged: Staged): Promise<void> {
  const { session, table } = staged;
  const isTrades = table.name === 'trades';
  const looked = isTrades ? { ...staged, table: { ...table, moved: both(table.moved!, LAWFUL) } } : staged;
  const written = `(select b.* from ${ROWS} as b join ${CHOSEN} using (claire_row))`;
  const found = await session.query<{ name: string; differing: string[] | null }>(
    `select ${nameOf(staged, 'b')} as name, w.differing
     from (${findSql(looked, written)}) as w join ${ROWS} as b using (claire_row)
     where w.class in ('missing', 'different') order by ${orderOf(staged, 'b')} limit ${NAMED}`,
    findValues(staged),
  );
  if (found.length === 0) return;
  const rows = found.map(
    ({ name, differing }) => `${name} (${differing?.join(', ') ?? 'nothing was written'})`,
  );
  throw new ClaireError('restore_row_refused', {
    found: `Table ${table.name}: these would not stand as they were in the backup: ${rows.join('; ')}.`,
  });
}

const both = (one: string, other: string) =>
  `coalesce((${one})::text[], '{}') || coalesce((${other})::text[], '{}')`;
