import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { ClaireError } from '../../errors/index.js';
import { scramVerifier } from '../scram.js';
import { asSuperuser } from './admin.js';
import { readMarker, writeMarker } from './cluster.js';
import { DATABASE, LOGINS, type Passwords } from './logins.js';
import { fingerprint } from './passwords.js';
import type { Account } from './programs.js';

/** Raised whenever the statements below change: every cluster then gets them once more. */
const VERSION = '1';
/** Any fixed number, the same in every process. */
const LOCK = 5_432_001;
const LOCK_WAIT_MS = 60_000;

const logins = LOGINS.filter((login) => login !== 'postgres');

/** Database, logins and their rights: every statement can be repeated, and the marker says that none is needed. */
export async function bootstrap(
  cluster: string,
  account: Account,
  port: number,
  passwords: Passwords,
): Promise<void> {
  const wanted = fingerprint(VERSION, ...LOGINS.map((login) => passwords[login]));
  if ((await readMarker(cluster)).bootstrap === wanted) return;
  await asSuperuser({ port, password: passwords.postgres }, async (client) => {
    await lock(client);
    // The one who had the lock before us may have done it.
    if ((await readMarker(cluster)).bootstrap === wanted) return;
    await createDatabase(client);
    await client.query(await loginStatements(client, passwords));
    await asSuperuser({ port, password: passwords.postgres, database: DATABASE }, (inside) =>
      inside.query('revoke create on schema public from public'),
    );
    await writeMarker(cluster, account, { superuser: fingerprint(passwords.postgres), bootstrap: wanted });
  });
}

/** Polled: a session blocked in pg_advisory_lock holds a snapshot all the while, and has no end of its own. */
async function lock(client: Client): Promise<void> {
  const end = Date.now() + LOCK_WAIT_MS;
  for (;;) {
    const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1) as locked', [
      LOCK,
    ]);
    if (rows[0]?.locked) return;
    if (Date.now() > end) {
      throw new ClaireError('embedded_start_failed', {
        found: 'Another start has been setting it up for a minute.',
      });
    }
    await sleep(30);
  }
}

async function createDatabase(client: Client): Promise<void> {
  const { rows } = await client.query('select from pg_database where datname = $1', [DATABASE]);
  // Not from template1: what somebody put there is none of ours.
  if (rows.length === 0) await client.query(`create database ${DATABASE} template template0`);
}

/** One query of several statements is one transaction: no login is left half made. */
async function loginStatements(client: Client, passwords: Passwords): Promise<string> {
  const { rows } = await client.query<{ rolname: string }>('select rolname from pg_roles');
  const there = new Set(rows.map((row) => row.rolname));
  return [
    ...logins.flatMap((login) => [
      `${there.has(login) ? 'alter' : 'create'} role ${login} with login password '${scramVerifier(passwords[login])}'`,
      `alter role ${login} in database ${DATABASE} set search_path = main`,
    ]),
    `revoke all on database ${DATABASE} from public`,
    `grant connect, temporary on database ${DATABASE} to ${logins.join(', ')}`,
  ].join(';\n');
}
