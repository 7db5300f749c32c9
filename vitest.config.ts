import { existsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** The record is held to its laws on the newest and on the oldest server that it supports. */
const POSTGRESQL_15 = '/usr/lib/postgresql/15';

const onServer = (name: string) => ({
  test: {
    name,
    include: ['test/{sql,operations,races,model,schema,services}/**/*.test.ts'],
    globalSetup: ['test/harness/server.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

const has15 = existsSync(`${POSTGRESQL_15}/bin/postgres`);
if (!has15) process.stderr.write(`Not tested on PostgreSQL 15: there is no ${POSTGRESQL_15}/bin/postgres.\n`);

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      onServer('postgresql-18'),
      ...(has15 ? [onServer('postgresql-15')] : []),
      {
        test: {
          name: 'surfaces',
          include: ['test/surfaces/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
