/** The server that is measured: one of our own in a temporary directory, or one that was named. */
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbedded } from '../../dist/database/embedded/index.js';
import { parseDatabaseUrl, withDatabase } from '../../dist/database/index.js';

/** What is to be undone at the end, the last first; also where only half of it was done. */
export class Undo {
  #steps = [];

  add(step) {
    this.#steps.push(step);
  }

  async run() {
    for (const step of this.#steps.splice(0).reverse()) {
      await step().catch((error) => process.stderr.write(`cleaning up: ${error.message}\n`));
    }
  }
}

/** A connection of one purpose, by which it is told apart in pg_stat_activity. */
export async function connect(url, name) {
  const client = new pg.Client({ ...parseDatabaseUrl(url), application_name: name });
  // The server is stopped under clients that are still connected when the work is interrupted.
  client.on('error', () => {});
  await client.connect();
  return client;
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

async function startServer(settings, undo) {
  const directory = await mkdtemp(join(tmpdir(), 'claire-bench-'));
  undo.add(() => rm(directory, { recursive: true, force: true }));
  // The server's own uid must pass through.
  await chmod(directory, 0o755);
  const server = await startEmbedded({ dataDir: join(directory, 'data'), settings });
  undo.add(() => server.stop());
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
