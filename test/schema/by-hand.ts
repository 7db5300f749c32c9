import { randomBytes } from 'node:crypto';
import { Database } from '../../src/database/index.js';
import {
  type BookState,
  LATEST_VERSION,
  type Preflight,
  type PreflightOptions,
  preflight,
  recognise,
} from '../../src/schema/index.js';
import type { Fixture } from '../harness/book.js';

/** A row of the past: recorded at a time without zone. */
export const ROW = `insert into risk_events (event_type, reason, timestamp) values ('signal_rejected', 'r', 1705072800000)`;

/** What tests of schemas made by hand stand on. */
export function useSchemas(book: Fixture) {
  let made = 0;
  return {
    /** A schema of its own in which these statements were run. */
    async schemaOf(...statements: string[]): Promise<string> {
      const name = `f${++made}`;
      await book.database.query(`create schema ${name}`);
      for (const statement of statements) await book.sql(statement, name);
      return name;
    },

    /** In a session that finds no table by an unqualified name, as the migrator's own; SET before, if wanted. */
    async look(
      name: string,
      options: Partial<PreflightOptions> = {},
      database: Database = book.database,
      before?: string,
    ): Promise<Preflight> {
      return database.session(async (session) => {
        if (before) await session.query(before);
        try {
          const state: BookState = await recognise(session, name);
          return await preflight(session, name, state, { to: LATEST_VERSION, ...options });
        } finally {
          if (before) await session.query('reset all');
        }
      });
    },

    /** A login for one test, no superuser, with a pool of its own. */
    async withLogin<T>(work: (login: string, database: Database) => Promise<T>): Promise<T> {
      const login = `login_${randomBytes(4).toString('hex')}`;
      const secret = randomBytes(8).toString('hex');
      const url = new URL(book.url);
      url.username = login;
      url.password = secret;
      await book.database.query(`create role ${login} login password '${secret}'`);
      const database = new Database({ databaseUrl: url.href, applicationName: 'tests', connections: 2 });
      try {
        return await work(login, database);
      } finally {
        await database.close();
        await book.database.query(`drop owned by ${login} cascade`);
        await book.database.query(`drop role ${login}`);
      }
    },
  };
}
