import { advanceSequence, bring, CHOSEN, columnsOf, FOUND, listOf, ROWS, type Staged } from './stage.js';

/** What an order is nothing without: why it was decided so, and how it came to its state. */
const COMPANIONS = [
  // Without a row of its own there the order would be judged as a new one, or reserve nothing.
  { table: 'decisions', same: 'l.order_id = b.order_id', computed: 'reserved_quantity' },
  { table: 'order_history', same: '(l.order_id = b.order_id or l.id = b.id)', computed: undefined },
] as const;

const stagedName = (table: string): string => `pg_temp.claire_${table}`;

/** Brings decisions and history of the orders that are missing, from the backup to the live server. */
export async function bringCompanions(staged: Staged): Promise<void> {
  const { session, backup, schema, table } = staged;
  if (table.name !== 'orders') return;
  await backup.query('create temporary table claire_wanted (order_id text primary key)');
  await backup.copyIn(
    'copy pg_temp.claire_wanted from stdin',
    session.copyOut(
      `copy (select b.order_id from ${ROWS} as b join ${FOUND} as f using (claire_row) where f.class = 'missing') to stdout`,
    ),
  );
  for (const { table: name } of COMPANIONS) {
    const from = `${schema}.${name}`;
    const there = await columnsOf(backup, from);
    const columns = (await columnsOf(session, from)).filter((column) => there.includes(column));
    await bring(session, backup, {
      ...{ from, to: stagedName(name), columns },
      statement: `copy (
        select ${listOf(columns, 't.')} from ${from} as t join pg_temp.claire_wanted as w on w.order_id = t.order_id
      ) to stdout`,
    });
  }
}

/** Puts back what the live book lacks of them; how many rows of each. What each order reserves is looked up after. */
export async function restoreCompanions(staged: Staged): Promise<Record<string, number>> {
  const { session, schema, table } = staged;
  const restored: Record<string, number> = {};
  if (table.name !== 'orders') return restored;
  for (const { table: name, same, computed } of COMPANIONS) {
    const columns = (await columnsOf(session, stagedName(name))).filter(
      (column) => column !== 'claire_row' && column !== computed,
    );
    const [row] = await session.query<{ count: number }>(
      `with back as (
         insert into ${schema}.${name} (${listOf(columns)})
         select ${listOf(columns, 'b.')} from ${stagedName(name)} as b
         where b.order_id in (select o.order_id from ${CHOSEN} as f join ${ROWS} as o using (claire_row))
           and not exists (select from ${schema}.${name} as l where ${same})
         order by b.claire_row
         returning 1
       ) select count(*)::float8 as count from back`,
    );
    if (columns.includes('id')) await advanceSequence(session, `${schema}.${name}`, stagedName(name));
    if (row!.count > 0) restored[name] = row!.count;
  }
  return restored;
}
