/** The server that is measured: one of our own in a temporary directory, or one that was named. */
import { randomBytes } from 'node:crypto';
import { temporaryData } from '../../dist/bench/place.js';
import { startEmbedded } from '../../dist/database/embedded/index.js';
import { connectBare as connect, withDatabase } from '../../dist/database/index.js';

export { Undo } from '../../dist/bench/undo.js';
export { connect };

/** Undoes everything, and says what could not be. */
export async function cleanUp(undo) {
  for (const { error, remains } of await undo.run())
    process.stderr.write(`cleaning up: ${remains ? `${remains}: ` : ''}${error.message}\n`);
}

export async function openPlace({ databaseUrl, settings }, undo) {
  const url = databaseUrl ?? (await startServer(settings, undo));
  const prefix = `claire_bench_${randomBytes(4).toString('hex')}`;
  const admin = await connect(url, 'bench admin');
  undo.add(() => admin.end());
  const drop = (name) => admin.query(`drop database if exists ${name} with (force)`);
  return {
    admin,
    drop: (name) => drop(`${prefix}_${name}`),
    async create(name, template) {
      const full = `${prefix}_${name}`;
      undo.add(() => drop(full));
      const from = template ? `template ${prefix}_${template} strategy file_copy` : 'template template0';
      await admin.query(`create database ${full} ${from}`);
      return withDatabase(url, full);
    },
  };
}

/** Its address names the password's file: it goes to other programs as an argument. */
async function startServer(settings, undo) {
  const server = await startEmbedded({ dataDir: await temporaryData(undo), settings });
  return server.url('postgres');
}

const SETTINGS = [
  'server_version',
  'fsync',
  'synchronous_commit',
  'shared_buffers',
  'max_wal_size',
  'autovacuum',
  'TimeZone',
];

/** What the figures depend on beside the machine. */
export async function serverFacts(client) {
  const { rows } = await client.query(
    'select name, current_setting(name) as value from unnest($1::text[]) as name',
    [SETTINGS],
  );
  return Object.fromEntries(rows.map(({ name, value }) => [name.toLowerCase(), value]));
}
