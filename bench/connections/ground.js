/** A server of our own with the book `main`, and a login with its own limit for each service. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { machineFacts, serverFacts } from '../../dist/bench/machine.js';
import { temporaryData } from '../../dist/bench/place.js';
import { startEmbedded } from '../../dist/database/embedded/index.js';
import { BUDGETED, connectBare, Database, LOGIN_ROLES, withDatabase } from '../../dist/database/index.js';
import { applyRoles, migrate } from '../../dist/schema/index.js';
import { startService } from './service.js';

/** What each login may have at its peak. @type {Record<string, number>} */
export const SHARES = Object.fromEntries(
  Object.entries(BUDGETED).map(([login, { base, overflow }]) => [login, base + overflow]),
);

/**
 * @param {{ dataDir?: string, fsync: boolean, binaries?: string }} options  `dataDir` that is there already, of nobody else
 * @param {import('../../dist/bench/undo.js').Undo} undo
 */
export async function openGround({ dataDir, fsync, binaries }, undo) {
  const given = dataDir ?? (await temporaryData(undo));
  const settings = { fsync: fsync ? 'on' : 'off', max_connections: '60' };
  const how = { dataDir: given, settings, ...(binaries && { binaries }) };
  let server = await startEmbedded(how);
  undo.add(() => server.stop(), `the server on ${given}`);
  const url = server.url('postgres', { showSecrets: true });
  await makeBook(server, url);
  // The same port as before: the services know no other.
  const start = async () => {
    server = await startEmbedded({ ...how, port: server.port });
  };
  const journals = join(given, 'journals');
  await mkdir(journals, { recursive: true });
  return {
    url,
    port: server.port,
    database: server.database,
    journals,
    /** For the sampler and for what a person at the server does; its connections are not in the record's database. */
    adminUrl: withDatabase(url, 'postgres'),
    /** @param {string} login  @param {number} [port] where the login connects to, if not to the server itself */
    urlOf(login, port = server.port) {
      const at = new URL(server.url(login, { showSecrets: true }));
      at.port = String(port);
      return at.href;
    },
    async restart() {
      await server.stop();
      await start();
    },
    /** As the kernel does where memory is short: nobody is told, and what was in flight is lost. */
    async crash() {
      const text = await readFile(join(given, 'postgres', 'postmaster.pid'), 'utf8');
      process.kill(Number(text.split('\n')[0]), 'SIGKILL');
      await start();
    },
    /** What figures depend on beside the seed. */
    async facts() {
      const admin = await connectBare(url, 'bench');
      try {
        return { machine: machineFacts(), server: await serverFacts(admin, true) };
      } finally {
        await admin.end();
      }
    },
    /** A service as a process of its own, ended with the drill. */
    service(name) {
      const service = startService(name);
      undo.add(() => service.end());
      return service;
    },
  };
}

/** As `claire up` does it. The roles have the limits of their profiles, so that the server keeps the budget whatever we do. */
async function makeBook(server, databaseUrl) {
  const database = new Database({ databaseUrl, applicationName: 'bench', connections: 2 });
  try {
    await migrate(database, 'main');
    const passwords = await server.ensurePasswords(LOGIN_ROLES);
    await applyRoles(database, 'main', { passwords });
  } finally {
    await database.close();
  }
}

/** Ends every connection of the record's database, as a failover or an impatient person does. */
export async function killBackends(adminUrl, database) {
  const admin = await connectBare(adminUrl, 'bench');
  try {
    const { rowCount } = await admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and backend_type = 'client backend'`,
      [database],
    );
    return rowCount;
  } finally {
    await admin.end();
  }
}
