import { setTimeout as sleep } from 'node:timers/promises';
import { literal } from '../../database/index.js';
import { ClaireError } from '../../errors/index.js';
import { bringCompanions, restoreCompanions } from './companions.js';
import { correctDifferent, correctMissing, rememberBefore } from './corrections.js';
import { find, findValues } from './diff.js';
import { follow, followAfter } from './follow.js';
import { facts, findSql, RESTORED } from './pairs.js';
import { refuseClashes, refuseOrphans, refuseOthers } from './refusals.js';
import {
  advanceSequence,
  CHOSEN,
  FOUND,
  isLiveRow,
  listOf,
  orderOf,
  ROWS,
  type Staged,
  type TableSource,
  withStaged,
} from './stage.js';
import { withTriggersResting } from './triggers.js';

/** `missing`: rows that are in the backup and not live. `different`: columns that are not as they were. */
export type Apply = 'missing' | 'different';

/** What was brought back. */
export interface Applied {
  backup: string;
  book: string;
  table: string;
  apply: Apply;
  rows: number;
  /** Lines in `corrections` that tell of it. */
  corrections: number;
  /** What came back beside the rows: decisions and history of orders. */
  companions: Record<string, number>;
}

/** How long the table's writers may be kept waiting at a time, and how often that is tried. */
const [LOCK_MS, ATTEMPTS] = [2000, 8];

/**
 * Brings rows of a backup into the live table, in one transaction: all of them or none. Rows that are live only stay.
 * @throws ClaireError restore_table_refused, restore_parent_missing, restore_row_refused, lock_timed_out
 */
export const applyTable = (source: TableSource, apply: Apply): Promise<Applied> =>
  withStaged(source, async (staged) => {
    const { table } = staged;
    if (table.isLog && apply === 'different') {
      const found = `${table.name} is a log: its rows are only ever added. What differs there came through no door; only --apply missing is possible.`;
      throw new ClaireError('restore_table_refused', { found });
    }
    await find(staged);
    if (apply === 'missing') await bringCompanions(staged);
    const applied = await patiently(() => inTransaction(staged, () => bringBack(staged, apply)));
    if (applied.rows > 0) await followAfter(staged);
    return applied;
  });

/** Tries again where other sessions held what it needs; between the tries nobody waits for it. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const isPassing =
        error instanceof ClaireError && ['lock_timed_out', 'transaction_conflict'].includes(error.code);
      if (!isPassing || attempt >= ATTEMPTS) throw error;
      await sleep(2 ** attempt * 10 * (0.5 + Math.random()));
    }
  }
}

async function inTransaction<T>({ session }: Staged, work: () => Promise<T>): Promise<T> {
  await session.query('begin');
  try {
    const result = await work();
    await session.query('commit');
    return result;
  } catch (error) {
    await session.query('rollback').catch(() => {});
    throw error;
  }
}

async function bringBack(staged: Staged, apply: Apply): Promise<Applied> {
  const { session, source, table, live } = staged;
  const reason = `${RESTORED}${source.backup}`;
  await session.query(`set local lock_timeout to ${LOCK_MS}`);
  await lockTable(staged);
  const rows = await chooseRows(staged, apply);
  const applied: Applied = {
    ...{ backup: source.backup, book: source.book, table: table.name, apply },
    ...{ rows, corrections: 0, companions: {} },
  };
  if (rows === 0) return applied;
  await refuseOrphans(staged, apply);
  if (apply === 'missing') await refuseClashes(staged);
  await withPermit(staged, reason, async () => {
    await withTriggersResting(staged, async () => {
      if (apply === 'missing') await insertRows(staged);
      else await updateRows(staged);
    });
    if (table.isNumbered) await advanceSequence(session, live, `${ROWS} join ${CHOSEN} using (claire_row)`);
    await refuseOthers(staged);
  });
  applied.corrections =
    apply === 'missing' ? await correctMissing(staged, reason) : await correctDifferent(staged, reason);
  if (apply === 'missing') applied.companions = await restoreCompanions(staged);
  await follow(staged, apply, reason);
  return applied;
}

/**
 * Two who restore at once come one after the other. Where triggers are to rest nobody records meanwhile, for his row would
 * pass them too; else services go on, and a key tells where they have recorded the same row.
 */
async function lockTable({ session, source, table, live }: Staged): Promise<void> {
  if (table.resting.length > 0) await session.query(`lock table ${live} in share row exclusive mode`);
  else
    await session.query(`select pg_advisory_xact_lock(hashtext('claire restore'), hashtext($1))`, [
      `${source.book}.${table.name}`,
    ]);
}

/** What was found before the lock is looked at again: others may have recorded, or restored, the same meanwhile. */
async function chooseRows(staged: Staged, apply: Apply): Promise<number> {
  const { session } = staged;
  const wanted = `(select b.* from ${ROWS} as b join ${FOUND} as f using (claire_row) where f.class = ${literal(apply)})`;
  await session.query(
    'create temporary table claire_chosen (claire_row bigint primary key, live_id bigint, class text not null, differing text[]) on commit drop',
  );
  await session.query(`insert into ${CHOSEN} ${findSql(staged, wanted)}`, findValues(staged));
  await session.query(`delete from ${CHOSEN} where class <> ${literal(apply)}`);
  await session.query(`analyze ${CHOSEN}`);
  const [row] = await session.query<{ rows: number }>(`select count(*)::float8 as rows from ${CHOSEN}`);
  return row!.rows;
}

/** The guards of recorded rows let this transaction pass, and only for this. */
async function withPermit(
  { session, schema, table }: Staged,
  reason: string,
  work: () => Promise<void>,
): Promise<void> {
  const permit = [table.name, reason];
  await session.query(
    `insert into ${schema}.permits (table_name, action, reason) values ($1, 'correct', $2)`,
    permit,
  );
  await work();
  await session.query(
    `delete from ${schema}.permits
     where transaction_id = pg_current_xact_id() and table_name = $1 and action = 'correct' and reason = $2`,
    permit,
  );
}

const insertRows = (staged: Staged): Promise<void> =>
  writing(staged, () =>
    staged.session.query(
      `insert into ${staged.live} (${listOf(staged.columns)})
       select ${listOf(staged.columns, 'b.')} from ${ROWS} as b join ${CHOSEN} as f using (claire_row)
       order by ${orderOf(staged, 'b')}`,
    ),
  );

/** Only columns that differ without a reason; a trade that was closed since stays closed. */
async function updateRows(staged: Staged): Promise<void> {
  const { session, live } = staged;
  await rememberBefore(staged);
  const columns = facts(staged);
  const values = columns.map(
    (column) =>
      `case when ${literal(column)} = any (f.differing) then ${listOf([column], 'b.')} else ${listOf([column], 'l.')} end`,
  );
  await writing(staged, () =>
    session.query(
      `update ${live} as l set (${listOf(columns)}) = row(${values.join(', ')})
       from ${CHOSEN} as f join ${ROWS} as b using (claire_row) where ${isLiveRow(staged)}`,
    ),
  );
}

/** What a law says of a row that comes back, with the row. */
async function writing(staged: Staged, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof ClaireError) || error.status >= 500) throw error;
    const { detail } = error.cause as { detail?: string };
    throw new ClaireError('restore_row_refused', {
      found: `Table ${staged.table.name}: ${error.message}${detail ? ` ${detail}` : ''}`,
      law: error.law,
      cause: error,
    });
  }
}
