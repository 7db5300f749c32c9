/** A server of our own with the book `main`, and a login with its own limit for each service. */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryData } from '../../dist/bench/place.js';
import { startEmbedded } from '../../dist/database/embedded/index.js';
import { BUDGETED, connectBare, Database, withDatabase } from '../../dist/database/index.js';
import { migrate } from '../../dist/schema/index.js';
import { startService } from './service.js';

/** What each login may have at its peak. @type {Record<string, number>} */
export const SHARES = Object.fromEntries(
  Object.entries(BUDGETED).map(([login, { base, overflow }]) => [login, base + overflow]),
);

/**
 * @param {{ dataDir?: string, fsync: boolean }} options  `dataDir` that has the book already
 * @param {import('../../dist/bench/undo.js').Undo} undo
 */
export async function openGround({ dataDir, fsync }, undo) {
  const given = dataDir ?? (await temporaryData(undo));
  const settings = { fsync: fsync ? 'on' : 'off', max_connections: '60' };
  let server = await startEmbedded({ dataDir: given, settings });
  undo.add(() => server.stop(), `the server on ${given}`);
  const url = server.url('postgres', { showSecrets: true });
  if (dataDir === undefined) await makeBook(url);
  const passwords = await limitLogins(url);
  // The same port as before: the services know no other.
  const start = async () => {
    server = await startEmbedded({ dataDir: given, settings, port: server.port });
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
      const at = new URL(url);
      [at.username, at.password, at.port] = [login, passwords[login], String(port)];
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
    /** A service as a process of its own, ended with the drill. */
    service(name) {
      const service = startService(name);
      undo.add(() => service.end());
      return service;
    },
  };
}

async function makeBook(databaseUrl) {
  const database = new Database({ databaseUrl, applicationName: 'bench', connections: 1 });
  try {
    await migrate(database, 'main');
  } finally {
    await database.close();
  }
}

/** Each login may have as many connections as its profile says, so that the server keeps the budget whatever we do. */
async function limitLogins(url) {
  const admin = await connectBare(url, 'bench');
  /** @type {Record<string, string>} */
  const passwords = {};
  try {
    for (const [login, share] of Object.entries(SHARES)) {
      passwords[login] = randomBytes(12).toString('hex');
      const { rowCount } = await admin.query('select from pg_roles where rolname = $1', [login]);
      const as = `login connection limit ${share} password '${passwords[login]}'`;
      await admin.query(`${rowCount ? 'alter' : 'create'} role ${login} ${as}`);
      // A login that the server did not know has no rights in the book yet.
      if (!rowCount)
        await admin.query(`grant ${login === 'claire_upkeep' ? 'claire' : 'pg_read_all_data'} to ${login}`);
      await admin.query(`grant connect on database ${new URL(url).pathname.slice(1)} to ${login}`);
    }
  } finally {
    await admin.end();
  }
  return passwords;
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
