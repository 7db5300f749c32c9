import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, inject } from 'vitest';
import { Database, identifier, withDatabase } from '../../src/database/index.js';
import { ClaireError } from '../../src/errors/index.js';
import { type Claire, type ConnectOptions, connect } from '../../src/index.js';
import { migrate, type Version } from '../../src/schema/index.js';

/** A database of the test file's own, with the book `main` at the newest version. */
export interface Fixture {
  /** Connection string of the superuser. */
  readonly url: string;
  /** A pool of the superuser, for plain SQL. */
  readonly database: Database;
  /** A connection of a service, closed at the end of the file. */
  connect(options?: Partial<ConnectOptions>): Promise<Claire>;
  /** Makes a book at a version, the newest unless told otherwise; its name. */
  bookAt(version?: Version): Promise<string>;
  /**
   * Runs plain SQL as a client of the book does, one statement after another in one session that finds the tables by
   * unqualified name. Gives the rows of the last statement.
   */
  sql<Row = Record<string, unknown>>(text: string, book?: string): Promise<Row[]>;
  /** How often sessions of the file's database met in a ring. Asked of the server: a retry would hide it. */
  deadlocks(): Promise<number>;
}

export function useBook(): Fixture {
  const name = `test_${randomBytes(6).toString('hex')}`;
  const server = inject('serverUrl');
  const url = withDatabase(server, name);
  const open: { close(): Promise<void> }[] = [];
  const database = new Database({ databaseUrl: url, applicationName: 'tests', connections: 40 });
  const admin = new Database({ databaseUrl: server, applicationName: 'tests', connections: 1 });

  beforeAll(async () => {
    await admin.query(`create database ${identifier(name)} template claire_template strategy file_copy`);
  });
  afterAll(async () => {
    for (const connection of [...open, database]) await connection.close();
    await admin.query(`drop database if exists ${identifier(name)} with (force)`);
    await admin.close();
  });

  return {
    url,
    database,
    async connect(options = {}) {
      const claire = await connect({ service: 'tests', databaseUrl: url, ...options });
      open.push(claire);
      return claire;
    },
    async bookAt(version) {
      const book = `b${randomBytes(6).toString('hex')}`;
      await migrate(database, book, version === undefined ? {} : { to: version });
      return book;
    },
    async deadlocks() {
      const [row] = await database.query<{ deadlocks: number }>(
        'select deadlocks from pg_stat_database where datname = current_database()',
      );
      return row!.deadlocks;
    },
    async sql<Row>(text: string, book = 'main') {
      return database.session(async (session) => {
        await session.query(`set search_path to ${identifier(book)}`);
        try {
          return await session.query<Row>(text);
        } finally {
          await session.query('reset search_path').catch(() => {});
        }
      });
    },
  };
}

/** The error that a promise ends with; fails where it does not end with one of Claire's. */
export async function refusal(promise: Promise<unknown>): Promise<ClaireError> {
  const error = await promise.then(
    () => expect.unreachable('it was accepted'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ClaireError);
  return error as ClaireError;
}

/** Every table of the book as after it was made: what no client may do. `sql` finds the tables by unqualified name. */
export async function emptyBook({
  sql,
}: {
  sql<Row = Record<string, unknown>>(text: string): Promise<Row[]>;
}): Promise<void> {
  const tables = await sql<{ name: string }>(
    `select oid::regclass::text as name from pg_class
     where relnamespace = current_schema()::regnamespace and relkind = 'r' and relname <> 'schema_migrations'`,
  );
  await sql(
    `begin; set local session_replication_role = replica;
     truncate ${tables.map(({ name }) => name).join()} restart identity;
     insert into risk (id) values (1);
     insert into halt_gate (id) values (1);
     insert into limits (time_zone, enforce_halts, enforce_limits, breaker_halts, reason)
     values ('UTC', 'on', 'warn', 'until_resumed', 'the first version: nothing is limited yet');
     insert into retention_horizons (table_name, keep_seconds, reason)
     select t, days * 86400, 'the first version'
     from (values ('signals', 30), ('orders', 90), ('risk_events', 90), ('candles', 400)) as h (t, days);
     insert into retention_state (table_name) select table_name from retention_horizons;
     commit`,
  );
}
