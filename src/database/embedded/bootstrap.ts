import type { Client } from 'pg';
import { LOGIN_ROLES, OWNER } from '../role-names.js';
import { scramVerifier } from '../scram.js';
import { asSuperuser } from './admin.js';
import { alone } from './alone.js';
import { readMarker, writeMarker } from './cluster.js';
import { DATABASE, LOGINS, type Passwords } from './logins.js';
import { fingerprint } from './passwords.js';
import type { Account } from './programs.js';

/** Raised whenever the statements below change: every cluster then gets them once more. */
const VERSION = '3';

/**
 * The database is Claire's alone, so nobody else's work needs what PostgreSQL gives to everybody. Large objects belong to
 * whoever makes them, outside of every book.
 */
const INSIDE = `
revoke create on schema public from public;
revoke execute on function lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) from public`;

/**
 * Database, and the roles of `main` with their passwords; what they may do there comes with the book. Every statement can
 * be repeated, and the marker says that none is needed.
 */
export async function bootstrap(
  cluster: string,
  account: Account,
  port: number,
  passwords: Passwords,
): Promise<void> {
  const wanted = fingerprint(VERSION, ...LOGINS.map((login) => passwords[login]!));
  if ((await readMarker(cluster)).bootstrap === wanted) return;
  await alone({ port, password: passwords.postgres }, async (client) => {
    // The one who had the lock before us may have done it.
    if ((await readMarker(cluster)).bootstrap === wanted) return;
    await createDatabase(client);
    await client.query(await roleStatements(client, passwords));
    await asSuperuser({ port, password: passwords.postgres, database: DATABASE }, (inside) =>
      inside.query(INSIDE),
    );
    await writeMarker(cluster, account, { superuser: fingerprint(passwords.postgres), bootstrap: wanted });
  });
}

async function createDatabase(client: Client): Promise<void> {
  const { rows } = await client.query('select from pg_database where datname = $1', [DATABASE]);
  // Not from template1: what somebody put there is none of ours.
  if (rows.length === 0) await client.query(`create database ${DATABASE} template template0`);
}

/** One query of several statements is one transaction: no role is left half made. */
async function roleStatements(client: Client, passwords: Passwords): Promise<string> {
  const { rows } = await client.query<{ rolname: string }>('select rolname from pg_roles');
  const there = new Set(rows.map((row) => row.rolname));
  return [
    ...(there.has(OWNER) ? [] : [`create role ${OWNER}`]),
    ...LOGIN_ROLES.flatMap((login) => [
      `${there.has(login) ? 'alter' : 'create'} role ${login} with login password '${scramVerifier(passwords[login]!)}'`,
      `alter role ${login} in database ${DATABASE} set search_path = main`,
    ]),
    `revoke all on database ${DATABASE} from public, ${LOGIN_ROLES.join(', ')}`,
    // There the commands keep their advisory locks, which anybody who can connect could take and hold.
    'revoke all on database postgres, template1 from public',
    `grant connect on database ${DATABASE} to ${LOGIN_ROLES.join(', ')}`,
    // Up to PostgreSQL 16 nobody but its owner refreshes positions_realtime, by way of a temporary table.
    `grant temporary on database ${DATABASE} to claire`,
  ].join(';\n');
}
