import type { Queryable } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { FIRST_OF_OURS, isOurs, type Migration, readMigrations } from './files.js';
import { SIGNATURE } from './hand-made.js';
import { FUNCTIONS } from './objects.js';
import type { BookState } from './recognise.js';

/*
 * What is known of a book between two runs, beside its history: whether 1.2 was begun, in which zone its times were
 * recorded, and which of the names still to come are somebody else's.
 */

const MADE =
  /^create (?:or replace )?(?:unique )?(?:table|view|materialized view|index|function) (?:concurrently )?(?:if not exists )?(\w+)/;
const INDEX_ON = /^create (?:unique )?index (?:concurrently )?(?:if not exists )?(\w+) on (\w+)/;

/**
 * What is still to be made cannot be there yet: it is somebody else's, and CREATE IF NOT EXISTS would take it for ours.
 * Only the first file may have been interrupted in its midst. Of a book made by hand `recognise` has looked at tables
 * and functions already.
 */
export async function foreignNames(
  session: Queryable,
  state: BookState,
  pending: readonly Migration[],
): Promise<string[]> {
  const ours = pending.filter(({ version }) => isOurs(version));
  const isBegun = ours.length < pending.length ? false : await isOnItsWay(session, state);
  const statements = (files: readonly Migration[]) =>
    files.flatMap(({ steps }) => steps.flatMap((step) => step.statements));
  const indexes = statements(ours).flatMap((statement) => {
    const [, name, table] = INDEX_ON.exec(statement) ?? [];
    return name ? [{ name, table: table! }] : [];
  });
  const names = statements(isBegun ? ours.slice(1) : ours)
    .flatMap((statement) => MADE.exec(statement)?.[1] ?? [])
    .filter((name) => !indexes.some((index) => index.name === name));
  // What a file made that was applied, or begun, and a later one replaces, stands there rightly.
  const notBegun = new Set((isBegun ? ours.slice(1) : ours).map(({ number }) => number));
  const before = (await readMigrations()).filter(({ number }) => !notBegun.has(number));
  const made = new Set(statements(before).flatMap((statement) => MADE.exec(statement)?.[1] ?? []));
  const functions = FUNCTIONS.filter(({ name, since }) => {
    const bare = name.replace(/\(.*/, '');
    return isOurs(since) && names.includes(bare) && !made.has(bare);
  });
  const isWhole = state.handMade && isOurs(state.version);
  const found = await session.query<{ name: string }>(
    `select format('%s %s', case relkind when 'i' then 'index' else 'relation' end, relname) as name
     from pg_class left join pg_index on indexrelid = pg_class.oid
     left join unnest($3::text[], $4::text[]) as ours (name, "table") on ours.name = relname
     where relnamespace = to_regnamespace(quote_ident($1))
       and (relname = any ($2) and not $6 and relname <> 'positions_realtime'
         or ours.name is not null and indrelid is distinct from to_regclass(quote_ident($1) || '.' || ours."table"))
     union all
     select 'type ' || typname from pg_type
     where typnamespace = to_regnamespace(quote_ident($1)) and typname = any ($2) and typrelid = 0 and typcategory <> 'A'
     union all
     select 'function ' || ${SIGNATURE} from pg_proc as p
     where not $6 and p.pronamespace = to_regnamespace(quote_ident($1)) and ${SIGNATURE} = any ($5)
     order by 1`,
    [
      state.book,
      names,
      indexes.map(({ name }) => name),
      indexes.map(({ table }) => table),
      functions.map(({ name }) => name),
      isWhole,
    ],
  );
  return found.map(({ name }) => name);
}

/** Whether a step of ours was ever taken here. The very first of them makes what the zone is kept in. */
async function isOnItsWay(session: Queryable, { book, applied }: BookState): Promise<boolean> {
  if (applied.some(({ version }) => version === FIRST_OF_OURS)) return true;
  const [row] = await session.query<{ begun: boolean }>(
    `select to_regprocedure(quote_ident($1) || '.recorded_utc(timestamp)') is not null as begun`,
    [book],
  );
  return row!.begun;
}

/** An interrupted migration goes on with the zone that it began with; after its last use there is none to ask for. */
export async function zoneOnItsWay(
  session: Queryable,
  { book, applied }: BookState,
  given: string | undefined,
): Promise<string | undefined> {
  const [row] = await session.query<{ zone: string | null }>(
    `select substring(p.prosrc from $$timezone[(]'([^']+)', recorded[)]$$) as zone
     from pg_proc as p where p.pronamespace = to_regnamespace(quote_ident($1)) and p.proname = 'recorded_utc'`,
    [book],
  );
  // Its last use is in the file after which it is dropped.
  const isUsed = applied.some(({ name }) => name === '0010_corrections');
  const begun = row?.zone ?? (isUsed ? 'UTC' : undefined);
  if (row?.zone && given && row.zone !== given) {
    throw new ClaireError('input_invalid', {
      found: `The migration of book ${book} was begun with --recorded-in ${row.zone}, now it is ${given}.`,
    });
  }
  return given ?? begun;
}
