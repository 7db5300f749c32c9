import { existsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** The record is held to its laws on the newest and on the oldest server that it supports. */
const POSTGRESQL_15 = '/usr/lib/postgresql/15';

/**
 * Folders of what the database decides. The reference services are a client of that like any other: what they do on 18
 * they do on 15.
 */
const LAWS = 'sql,operations,races,model,schema,risk,backup,doctor,http';

/** The client's own part, which meets no other server there. What it asks the server for is tested on both. */
const OF_THE_CLIENT = ['pool', 'pool-lost', 'pool-network', 'prepared-statements', 'gather'].map(
  (name) => `test/operations/${name}.test.ts`,
);

/** What is waited for comes; on a slow machine, late. Only a test that fails waits so long. */
const PATIENT = { expect: { poll: { timeout: 60_000 } } };

const onServer = (name: string, folders: string, exclude: readonly string[] = []) => ({
  test: {
    ...PATIENT,
    name,
    include: [`test/{${folders}}/**/*.test.ts`],
    exclude: [...exclude],
    globalSetup: ['test/harness/server.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Each file has a database of its own and shares no state of a module: reading the modules once a worker spares a
    // tenth of the whole.
    isolate: false,
  },
});

const has15 = existsSync(`${POSTGRESQL_15}/bin/postgres`);
if (has15)
  process.stderr.write(
    'On PostgreSQL 15 the reference services, the pool and the verbs of each login are not tested: they are tested on 18.\n',
  );
else process.stderr.write(`Not tested on PostgreSQL 15: there is no ${POSTGRESQL_15}/bin/postgres.\n`);

export default defineConfig({
  test: {
    // Files wait for servers as much as they compute, so four go side by side even on two cores. Each has a database or a
    // server of its own; four at most, because the files of one server share its 300 connections.
    maxWorkers: 4,
    projects: [
      {
        test: {
          ...PATIENT,
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          isolate: false,
          testTimeout: 60_000,
        },
      },
      onServer('postgresql-18', `${LAWS},services`),
      ...(has15
        ? [onServer('postgresql-15', LAWS, [...OF_THE_CLIENT, 'test/schema/roles-verbs.test.ts'])]
        : []),
      {
        test: {
          ...PATIENT,
          name: 'surfaces',
          include: ['test/surfaces/**/*.test.ts'],
          globalSetup: ['test/surfaces/resting.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        // Keeps something running for long and breaks it meanwhile: `npm run test:soak`.
        test: {
          ...PATIENT,
          name: 'soak',
          include: ['test/soak/**/*.test.ts'],
          globalSetup: ['test/surfaces/resting.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          ...PATIENT,
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          globalSetup: ['test/browser/replayed.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
