import { describe, expect, test } from 'vitest';
import { planText } from '../../src/cli/migration/plan-text.js';
import { identifier } from '../../src/database/index.js';
import { isDone, withZone } from '../../src/schema/apply.js';
import {
  LATEST_VERSION,
  migrate,
  planMigration,
  readMigrations,
  recognise,
  type Version,
} from '../../src/schema/index.js';
import { effectOf } from '../../src/schema/locks.js';
import type { PlannedFile, PlannedStep } from '../../src/schema/plan.js';
import type { Step } from '../../src/schema/steps.js';
import { useBook } from '../harness/book.js';
import { SEED, type Seen, seeHeldUp, seeInTransaction } from './plan-ground.js';

const book = useBook();
const CLIENTS = [...SEED, 'positions_realtime'];

/** Two tables that are rewritten as they are small, and two that are not. */
async function oldBook(): Promise<string> {
  const name = await book.bookAt('1.0');
  await book.sql(
    `insert into signals (signal_id, symbol, side, price, confidence, timestamp)
     select 's' || n, 'X', 'BUY', 1, 0.5, 1705072800000 + n from generate_series(1, 15000) as n`,
    name,
  );
  await book.sql(
    `insert into orders (order_id, signal_id, symbol, side, quantity, status)
     select 'o' || n, 's' || n, 'X', 'BUY', 1, 'FILLED' from generate_series(1, 15000) as n`,
    name,
  );
  await book.sql(
    `insert into trades (order_id, symbol, side, quantity, entry_price, entry_timestamp, status)
     select 'o' || n, 'X', 'BUY', 1, 50, 1705072800000, 'OPEN' from generate_series(1, 2000) as n`,
    name,
  );
  await book.sql(
    `insert into risk_events (event_type, reason, timestamp)
     select 'signal_rejected', 'r', 1705072800 from generate_series(1, 100)`,
    name,
  );
  // Somebody's index under a name that 1.2 gives to another.
  await book.sql(
    `create index idx_signals_recent on signals (timestamp) where timestamp > 1705072800000`,
    name,
  );
  return name;
}

const planOf = async (name: string, to: Version = LATEST_VERSION) =>
  planMigration(book.database, name, await recognise(book.database, name), { to });

/** Says in which way a step was not what the plan says, or nothing. */
function liesOf(planned: PlannedStep, seen: Partial<Seen> & Pick<Seen, 'lock' | 'relations'>): string[] {
  const { lock, relation, work, table, kind } = planned;
  const isLock = lock === 'none' ? ['none', 'ACCESS SHARE'].includes(seen.lock) : lock === seen.lock;
  const others = seen.relations.filter((name) => CLIENTS.includes(name) && name !== relation);
  const same = (what: string, wanted: string[], found: string[] | undefined) => {
    const clients = found?.filter((name) => SEED.includes(name)).join();
    return clients === undefined || clients === wanted.join() ? [] : [`${what} ${clients}, not ${wanted}`];
  };
  const whole = work !== null && SEED.includes(table!) ? [table!] : [];
  return [
    ...(isLock ? [] : [`${seen.lock} on ${seen.relations}, not ${lock} on ${relation}`]),
    ...(relation === null || seen.relations.includes(relation) ? [] : [`locks ${seen.relations}`]),
    ...(lock === 'none' || lock === 'ACCESS SHARE' || others.length === 0 ? [] : [`locks ${others} too`]),
    // Which rows a batch reads beside its own is not for the plan.
    ...(kind === 'batches' ? [] : same('reads', whole, seen.read)),
    ...same('rewrites', work === 'rewrites' ? [table!] : [], seen.rewritten),
  ];
}

describe('what the plan says is what the server does', () => {
  test('locks, reading and rewriting of every step from 1.0 to the newest, and what is passed over', async () => {
    const name = await oldBook();
    const plan = await planOf(name);
    const files = await readMigrations();
    const lies: string[] = [];
    const walked = { ran: 0, held: 0 };
    await book.database.session(async (session) => {
      await session.query(`set search_path to ${identifier(name)}, pg_temp`);
      const walk = async (step: Step, planned: PlannedStep) => {
        const statement = planned.statements.at(-1)!;
        const done = await isDone(session, step);
        if (done !== planned.done) lies.push(`${statement}: done is ${done}`);
        if (done) return;
        const isConcurrent = /^(create (unique )?index|drop index) concurrently/.test(statement);
        walked[isConcurrent ? 'held' : 'ran']++;
        const seen = isConcurrent
          ? await seeHeldUp(book, session, name, step)
          : await seeInTransaction(session, name, step);
        lies.push(...liesOf(planned, seen).map((lie) => `${statement.slice(0, 90)}: ${lie}`));
      };
      for (const { number, steps } of plan.files) {
        for (const [at, planned] of steps.entries()) {
          await walk(withZone(files[number - 1]!.steps[at]!, 'UTC'), planned);
        }
      }
      for (const planned of plan.settling) await walk(planned as Step, planned);
    });
    expect(lies).toEqual([]);
    expect(walked.ran).toBeGreaterThan(100);
    expect(walked.held).toBeGreaterThan(10);
  });

  test('an index that is dropped is named by its table, and one that is not there is passed over', async () => {
    const drop = (files: PlannedFile[]) =>
      files
        .flatMap(({ steps }) => steps)
        .find(({ statements }) =>
          /^drop index concurrently if exists idx_signals_recent/.test(statements[0]!),
        );
    expect(drop((await planOf(await oldBook())).files)).toMatchObject({ relation: 'signals', done: false });
    expect(drop((await planOf(await book.bookAt('1.1'))).files)).toMatchObject({ done: true });
  });

  test('the laws that it says will be validated are', async () => {
    const name = await oldBook();
    const { settling } = await planOf(name);
    const said = settling.flatMap(({ statements }) =>
      [...statements[0]!.matchAll(/validate constraint (\w+)/g)].map(([, law]) => law),
    );
    const { validated } = await migrate(book.database, name);
    expect(validated.length).toBeGreaterThan(30);
    expect([...validated].sort()).toEqual(said.sort());
  });

  test('a plan is not made of a statement that no rule knows', () => {
    const alone = (sql: string): Step => ({ kind: 'alone', statements: [sql] });
    for (const sql of ['vacuum signals', 'do $$ begin perform 1; end; $$', 'cluster orders']) {
      expect(() => effectOf(alone(sql)), sql).toThrow('no rule');
    }
    expect(() => effectOf({ ...alone('select unknown($1, $2)'), kind: 'batches', table: 'x' })).toThrow(
      'no rule',
    );
    const foreign =
      'alter table orders add constraint f foreign key (signal_id) references signals (signal_id)';
    expect(() => effectOf(alone(foreign))).toThrow('no rule');
  });

  test('what reads or rewrites under a lock is said', () => {
    const effect = (sql: string) => effectOf({ kind: 'alone', statements: [sql] });
    expect(effect('alter table trades add constraint c check (price > 0)')).toMatchObject({ work: 'reads' });
    expect(effect('alter table trades alter column id type bigint')).toMatchObject({ work: 'rewrites' });
  });
});

describe('making a plan', () => {
  test('changes nothing', async () => {
    const name = await oldBook();
    const fingerprint = () =>
      book.sql(
        `select md5(string_agg(x::text, ' ' order by x::text)) as catalog from (
           select oid, xmin, relname, relfilenode from pg_class where relnamespace = current_schema()::regnamespace
           union all select oid, xmin, proname, 0 from pg_proc where pronamespace = current_schema()::regnamespace
           union all select oid, xmin, conname, 0 from pg_constraint where connamespace = current_schema()::regnamespace
         ) as x`,
        name,
      );
    const before = await fingerprint();
    expect((await planOf(name)).files.length).toBeGreaterThan(10);
    expect(await fingerprint()).toEqual(before);
    expect(await recognise(book.database, name)).toMatchObject({ version: '1.0', unfinished: false });
  });

  test('of a book that stands at the version there is nothing', async () => {
    expect(await planOf('main')).toMatchObject({ files: [], settling: [], seconds: 0 });
    expect(planText(await planOf('main'))).toBe(
      `Book main stands at ${LATEST_VERSION}: there is nothing to do.`,
    );
  });

  test('of a book that is not there: a transaction a file, and nobody waits', async () => {
    const plan = await planOf('nowhere');
    expect(plan).toMatchObject({ from: null, still: true, settling: [], seconds: 0 });
    expect(plan.files.every(({ steps }) => steps.length === 1 && steps[0]!.kind === 'transaction')).toBe(
      true,
    );
    expect((await recognise(book.database, 'nowhere')).exists).toBe(false);
  });

  test('a migration that was interrupted goes on where it was', async () => {
    const name = await oldBook();
    let left = 30;
    const stop = () => {
      if (--left === 0) throw new Error('interrupted');
    };
    await expect(migrate(book.database, name, { afterStep: stop })).rejects.toThrow('interrupted');
    const { files } = await planOf(name);
    const [first] = files;
    expect(first!.number).toBeGreaterThan(3);
    expect(first!.steps.some(({ done }) => done)).toBe(true);
    expect(first!.steps.some(({ done }) => !done)).toBe(true);
  });

  test('the zone of the old times stands in the SQL, and in UTC nothing is recorded of it', async () => {
    const name = await oldBook();
    const state = await recognise(book.database, name);
    const plan = await planMigration(book.database, name, state, { to: LATEST_VERSION, zone: 'Asia/Tokyo' });
    const steps = plan.files.flatMap((file) => file.steps);
    const recorded = (each: PlannedStep[]) =>
      each.find(({ statements }) => /^insert into corrections/.test(statements[0]!));
    expect(recorded(steps)).toMatchObject({
      done: false,
      statements: [expect.stringContaining(`'Asia/Tokyo'`)],
    });
    const inUtc = (await planOf(name)).files.flatMap((file) => file.steps);
    expect(recorded(inUtc)).toMatchObject({ done: true });
  });

  test('people read each step with its SQL, its lock, its work and about how long', async () => {
    const name = await oldBook();
    await book.sql('analyze signals', name);
    await book.sql(`update pg_class set reltuples = 5e6 where oid = 'signals'::regclass`, name);
    const text = planText(await planOf(name));
    expect(text).toContain('0003_indexes (1.1): The seed');
    expect(text).toMatch(
      /ACCESS EXCLUSIVE on signals \(waits: everyone, for a moment\)\n {5}reads no rows; a moment\n {7}alter table signals/,
    );
    expect(text).toMatch(
      /SHARE UPDATE EXCLUSIVE on signals \(waits: nobody .*\)\n {5}reads the whole table signals \(about 5,000,000 rows\) twice for an index; about 7.1 seconds/,
    );
    expect(text).toMatch(/writes every row of signals \(about 5,000,000 rows\); about 3 minutes/);
    expect(text).toMatch(/everyone, while its rows are rewritten, 2 MB at most/);
    expect(text).toMatch(/passed over: it stands already, or is not for this book\n {7}do \$\$/);
    expect(text).toMatch(/validate constraint signals_price_check/);
    expect(text).toMatch(/Nothing was executed\.$/);
  });
});
