import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { type EmbeddedServer, startEmbedded } from '../../src/database/embedded/index.js';
import { Database } from '../../src/database/index.js';
import { applyRoles, migrate } from '../../src/schema/index.js';
import { scratchRoot } from '../harness/scratch.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** What the files of this project copy or run instead of making it again; nothing of it may be changed. */
    resting: {
      /** A data directory as a first start and a stop leave it; it has not decided for a port. */
      bare: string;
      /** The same with the book main and its roles, as `claire up` leaves it. */
      main: string;
      /** The embedded server's code as plain JavaScript, for processes that a test can kill; `start.js` runs it. */
      compiled: string;
    };
  }
}

const repository = resolve(fileURLToPath(import.meta.url), '../../..');

/** A first start takes 1.5 s, a copy of its directory 0.2 s: only tests of the first start make one of their own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const base = await mkdtemp(join(scratchRoot(), 'claire-resting-'));
  await chmod(base, 0o755);
  const [bare, main, compiled] = [join(base, 'bare'), join(base, 'main'), join(base, 'compiled')];
  await once(bare);
  execFileSync('cp', ['-a', bare, main]);
  await once(main, async (database, server) => {
    await migrate(database, 'main');
    await applyRoles(database, 'main', { passwords: await server.passwords() });
  });
  await compile(compiled);
  project.provide('resting', { bare, main, compiled });
  return () => rm(base, { recursive: true, force: true, maxRetries: 5 });
}

async function once(
  dataDir: string,
  work?: (database: Database, server: EmbeddedServer) => Promise<unknown>,
): Promise<void> {
  const server = await startEmbedded({ dataDir, settings: { fsync: 'off' } });
  const database = new Database({
    databaseUrl: server.url('postgres', { showSecrets: true }),
    applicationName: 'tests',
  });
  await work?.(database, server);
  await database.close();
  await server.stop();
  // Copies run side by side.
  await rm(join(dataDir, 'server.json'));
}

const SCRIPT = `
import { startEmbedded } from './src/database/embedded/index.js';
const options = JSON.parse(process.argv[2]);
try {
  const server = await startEmbedded(options);
  console.log(JSON.stringify({ port: server.port, major: server.major, found: server.found }));
  if (process.argv[3] === 'stay') setInterval(() => {}, 1000);
} catch (error) {
  console.log(JSON.stringify({ code: error.code ?? 'unexpected', message: error.message }));
}
`;

/** Needs no dist/, and lies where every account can read it. */
async function compile(directory: string): Promise<void> {
  await mkdir(directory);
  const types = join(repository, 'node_modules/@types');
  await writeFile(
    join(directory, 'tsconfig.json'),
    JSON.stringify({
      extends: join(repository, 'tsconfig.json'),
      compilerOptions: {
        rootDir: repository,
        outDir: directory,
        noEmit: false,
        declaration: false,
        typeRoots: [types],
      },
      include: [],
      files: [join(repository, 'src/database/embedded/index.ts')],
    }),
  );
  execFileSync(process.execPath, [join(repository, 'node_modules/typescript/bin/tsc'), '-p', directory]);
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
  await writeFile(join(directory, 'start.js'), SCRIPT);
  await symlink(join(repository, 'node_modules'), join(directory, 'node_modules'));
}
