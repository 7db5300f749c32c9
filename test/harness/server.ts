import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmbedded } from '../../src/database/embedded/index.js';
import { Database, withDatabase } from '../../src/database/index.js';
import { migrate } from '../../src/schema/index.js';
import { freePort } from './ports.js';
import { scratchRoot } from './scratch.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** URL of the superuser on the server of this run. */
    serverUrl: string;
    major: number;
  }
}

export const TEMPLATE = 'claire_template';

/** One server a run, with one migrated template that each test file clones. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(scratchRoot(), 'claire-test-'));
  // The server's own uid must pass through; else its data would lie elsewhere and outlive this directory.
  await chmod(directory, 0o755);
  const server = await startEmbedded({
    dataDir: join(directory, 'data'),
    port: await freePort(),
    ...(project.name === 'postgresql-15' ? { binaries: '/usr/lib/postgresql/15' } : {}),
    // Laws do not depend on fsync; tests that kill a server start one of their own.
    // All files write to one server: what one of them has just run must not be forgotten for what others did.
    settings: { fsync: 'off', max_connections: '300', 'pg_stat_statements.max': '20000' },
  });
  const url = server.url('postgres', { showSecrets: true });
  const admin = new Database({ databaseUrl: withDatabase(url, 'postgres'), applicationName: 'tests' });
  await admin.query(`create database ${TEMPLATE}`);
  await admin.close();
  const template = new Database({ databaseUrl: withDatabase(url, TEMPLATE), applicationName: 'tests' });
  await migrate(template, 'main');
  await template.close();
  project.provide('serverUrl', withDatabase(url, 'postgres'));
  project.provide('major', server.major);
  return async () => {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  };
}

export { freePort };
