import { identifier, type Queryable } from '../../database/index.js';
import { grouped } from '../../domain/words.js';
import { defineCheck, fail, ok, type Remedy, warn } from '../check.js';
import { shown } from './words.js';

interface Limits {
  warn_age: number;
  fail_age: number;
}

/** Autovacuum freezes from `autovacuum_freeze_max_age` on, whatever else is set: over that it does not keep up. */
const OVER_MAX = 1.2;
/** Two billion is all that there are; the server refuses writes shortly before. */
const HALF = 1_000_000_000;
/** More tables than this are frozen by one statement for the whole database. */
const MANY = 20;

type Aged = {
  xid_age: number;
  multixact_age: number;
};

const ageOf = ({ xid_age, multixact_age }: Aged): number => Math.max(xid_age, multixact_age);

/** With limits of one's own. */
export const transactionIdsOver = (own?: Limits) =>
  defineCheck({
    name: 'transaction_ids',
    question: 'Are old transaction ids given back in time?',
    threshold:
      `${OVER_MAX} × autovacuum_freeze_max_age, where autovacuum should have frozen them long ago; half of two billion is wrong: ` +
      'at the end of them the server refuses every write.',
    of: 'server',
    async examine({ session }) {
      const databases = await session.query<Aged & { database: string; own: boolean }>(
        `select datname::text as database, datname = current_database() as own,
           age(datfrozenxid) as xid_age, mxid_age(datminmxid) as multixact_age
         from pg_database where datallowconn`,
      );
      const { warn_age, fail_age } = own ?? (await limitsOf(session));
      // The server stops for all of them at the oldest; what can be done from here comes first.
      const [oldest] = databases
        .filter((each) => ageOf(each) > warn_age)
        .sort((a, b) => Number(b.own) - Number(a.own) || ageOf(b) - ageOf(a));
      if (!oldest) {
        const most = Math.max(...databases.map(ageOf));
        return ok(`The oldest transaction id is ${grouped(most)} transactions old.`);
      }
      const verdict = databases.some((each) => ageOf(each) > fail_age) ? fail : warn;
      const sentence = `Database ${oldest.database} has ids of ${grouped(ageOf(oldest))} transactions ago; autovacuum should have frozen them.`;
      if (!oldest.own) {
        return verdict(sentence, shown(databases), {
          decide: `who may connect to database ${oldest.database} and run \`vacuum (freeze)\` there: it cannot be done from here.`,
        });
      }
      const tables = await oldestTables(session, warn_age);
      return verdict(sentence, shown(tables), fixOf(tables));
    },
  });

export const transactionIds = transactionIdsOver();

async function limitsOf(session: Queryable): Promise<Limits> {
  const [row] = await session.query<{ max_age: number }>(
    "select current_setting('autovacuum_freeze_max_age')::int as max_age",
  );
  return { warn_age: Math.round(row!.max_age * OVER_MAX), fail_age: HALF };
}

interface Table extends Record<string, string | number> {
  schema: string;
  table: string;
  xid_age: number;
  multixact_age: number;
  bytes: number;
}

/** Those over the limit. A table is as old as what it keeps out of line. */
const oldestTables = (session: Queryable, age: number): Promise<Table[]> =>
  session.query<Table>(
    `select n.nspname::text as schema, c.relname::text as table,
       greatest(age(c.relfrozenxid), coalesce(age(t.relfrozenxid), 0)) as xid_age,
       greatest(mxid_age(c.relminmxid), coalesce(mxid_age(t.relminmxid), 0)) as multixact_age,
       (c.relpages + coalesce(t.relpages, 0)) * current_setting('block_size')::float8 as bytes
     from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
     left join pg_class as t on t.oid = c.reltoastrelid
     where c.relkind in ('r', 'm') and greatest(
       age(c.relfrozenxid), coalesce(age(t.relfrozenxid), 0),
       mxid_age(c.relminmxid), coalesce(mxid_age(t.relminmxid), 0)
     ) > $1
     order by greatest(age(c.relfrozenxid), coalesce(age(t.relfrozenxid), 0)) desc, 1, 2`,
    [age],
  );

const fixOf = (tables: readonly Table[]): Remedy => ({
  fix:
    tables.length > MANY
      ? ['vacuum (freeze)']
      : tables.map(({ schema, table }) => `vacuum (freeze) ${identifier(schema)}.${identifier(table)}`),
});
