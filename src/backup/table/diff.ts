import { extraSql, findSql, RESTORED } from './pairs.js';
import {
  asJson,
  EXTRA,
  FOUND,
  isLiveRow,
  orderOf,
  ROWS,
  type Staged,
  type TableSource,
  withStaged,
} from './stage.js';

/** A row by its columns; every value as text, so that no digit is lost. */
export type Row = Record<string, string | null>;

/** A column that is not as it was. */
export interface DifferentColumn {
  column: string;
  backup: string | null;
  live: string | null;
}

/** How a table differs from what it was in a backup. */
export interface TableDiff {
  backup: string;
  book: string;
  table: string;
  rows: { backup: number; live: number };
  /** In the backup, and not live. */
  missing: { rows: number; examples: Row[] };
  /** In both, with other values, for which the record gives no reason. */
  different: { rows: number; examples: { row: Row; columns: DifferentColumn[] }[] };
  /** Live only, though the backup should have them. They are never removed. */
  extra: { rows: number; examples: Row[] };
  /** Of rows that lawfully are not as in the backup. They stay as they are. */
  since: {
    /** Recorded since. */
    recorded: number;
    /** Filled, closed or corrected since. */
    changed: number;
    /** Moved into quarantine, and not released. */
    quarantined: number;
    /** Removed by retention. */
    expired: number;
  };
}

/**
 * Says how a live table differs from what it was in a backup. Changes nothing.
 * @throws ClaireError restore_table_refused
 */
export const diffTable = (source: TableSource): Promise<TableDiff> =>
  withStaged(source, async (staged) => {
    await find(staged);
    return describe(staged);
  });

/** Since when, or until when, as the columns of recording have it. */
const asTimestamp = (milliseconds: number): string => new Date(milliseconds).toISOString().replace('Z', '');

export const findValues = ({ table, source }: Staged): unknown[] => [
  table.name,
  asTimestamp(source.completeUntil_ms),
  `${RESTORED}%`,
];

/** Lists the rows that are not the same, in a temporary table. */
export async function find(staged: Staged): Promise<void> {
  const { session } = staged;
  await session.query(
    `create temporary table claire_found (
       claire_row bigint primary key, live_id bigint, class text not null, differing text[]
     )`,
  );
  await session.query(`insert into ${FOUND} ${findSql(staged, ROWS)}`, findValues(staged));
  await session.query(`analyze ${FOUND}`);
}

const CLASSES = ['missing', 'different', 'moved', 'quarantined', 'expired'] as const;

async function describe(staged: Staged): Promise<TableDiff> {
  const { session, source, live, rows } = staged;
  const [found] = await session.query<Record<(typeof CLASSES)[number], number>>(
    `select ${CLASSES.map((name) => `count(*) filter (where class = '${name}')::float8 as ${name}`).join(
      ', ',
    )} from ${FOUND}`,
  );
  // In one statement, so that both counts are of one moment.
  await session.query(
    `create temporary table claire_extra as ${extraSql(staged, ROWS).replaceAll('$1', `'${asTimestamp(source.completeUntil_ms)}'`)}`,
  );
  const [extra] = await session.query<{ recorded: number; extra: number; live: number }>(
    `select count(*) filter (where is_newer)::float8 as recorded, count(*) filter (where not is_newer)::float8 as extra,
       (select count(*) from ${live})::float8 as live from ${EXTRA}`,
  );
  return {
    ...{ backup: source.backup, book: source.book, table: staged.table.name },
    rows: { backup: rows, live: extra!.live },
    missing: { rows: found!.missing, examples: await missingRows(staged) },
    different: { rows: found!.different, examples: await differentRows(staged) },
    extra: { rows: extra!.extra, examples: await extraRows(staged) },
    since: {
      recorded: extra!.recorded,
      changed: found!.moved,
      quarantined: found!.quarantined,
      expired: found!.expired,
    },
  };
}

/** SQL: a row as an object of texts. */
export const asTexts = (row: string): string =>
  `(select jsonb_object_agg(e.key, e.value #>> '{}') from jsonb_each(${asJson(row)}) as e)`;

const few = ({ source }: Staged): number => source.examples ?? 5;

async function missingRows(staged: Staged): Promise<Row[]> {
  const found = await staged.session.query<{ row: Row }>(
    `select ${asTexts('b')} as row from ${ROWS} as b join ${FOUND} as f using (claire_row)
     where f.class = 'missing' order by ${orderOf(staged, 'b')} limit $1`,
    [few(staged)],
  );
  return found.map(({ row }) => row);
}

function differentRows(staged: Staged): Promise<TableDiff['different']['examples']> {
  return staged.session.query(
    `select ${asTexts('l')} as row, (
       select jsonb_agg(jsonb_build_object(
         'column', d, 'backup', to_jsonb(b) ->> d, 'live', to_jsonb(l) ->> d
       ) order by place)
       from unnest(f.differing) with ordinality as u (d, place)
     ) as columns
     from ${FOUND} as f join ${ROWS} as b using (claire_row) join ${staged.live} as l on ${isLiveRow(staged)}
     where f.class = 'different' order by ${orderOf(staged, 'b')} limit $1`,
    [few(staged)],
  );
}

async function extraRows(staged: Staged): Promise<Row[]> {
  const { session, live, table } = staged;
  const same = table.isNumbered
    ? 'l.id = e.id'
    : table.key.map((column, at) => `l.${column}::text = e.key_${at}`).join(' and ');
  const found = await session.query<{ row: Row }>(
    `select ${asTexts('l')} as row from (select * from ${EXTRA} where not is_newer order by id, key_0 limit $1) as e
     join ${live} as l on ${same} order by ${orderOf(staged, 'l')}`,
    [few(staged)],
  );
  return found.map(({ row }) => row);
}
