import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';
import { findBuild, type Programs, preparePrograms } from '../../src/database/embedded/build.js';
import {
  type Account,
  run,
  underAccount,
  unprivilegedAccount,
} from '../../src/database/embedded/programs.js';
import { freePort } from '../harness/ports.js';
import { isRoot, postgres15 } from './embedded-ground.js';

/** Programs that a door needs, and this machine may not have. */
export const OPENSSL = '/usr/bin/openssl';
export const PGBOUNCER = '/usr/sbin/pgbouncer';
export const has = (program: string): boolean => existsSync(program);

/** The oldest server that Claire supports where it is there, else the embedded one. */
const binaries = has(`${postgres15}/bin/postgres`) ? postgres15 : undefined;

export const PASSWORD = 'door-geheim';

export interface Ground {
  /** Short, because a socket's path has 107 bytes; the servers' account owns it. */
  readonly directory: string;
  readonly account: Account;
  readonly programs: Programs;
  /** A file that the account owns and nobody else reads. */
  write(name: string, text: string): Promise<string>;
  /** Starts a program under the account; it is ended with the ground. */
  spawn(program: string, args: readonly string[]): ChildProcess;
}

/** A directory for the servers of one group of tests, made by `make`; what runs in it ends with the group. */
export function useGround(make: (ground: Ground) => Promise<void>): void {
  const children: ChildProcess[] = [];
  let directory: string | undefined;
  beforeAll(async () => {
    directory = await mkdtemp('/tmp/cd-');
    await make(await groundIn(directory, children));
  });
  afterAll(async () => {
    for (const child of children.reverse()) await end(child);
    if (directory !== undefined) await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });
}

async function groundIn(directory: string, children: ChildProcess[]): Promise<Ground> {
  const account = await unprivilegedAccount();
  const own = (path: string) => (account ? chown(path, account.uid, account.gid) : undefined);
  await chmod(directory, 0o755);
  await own(directory);
  const programs = await preparePrograms(await findBuild(binaries), account);
  return {
    ...{ directory, account, programs },
    async write(name, text) {
      const path = join(directory, name);
      await writeFile(path, text, { mode: 0o600 });
      await own(path);
      return path;
    },
    spawn(program, args) {
      const child = spawn(program, args, {
        ...underAccount(account, programs.environment),
        cwd: directory,
        stdio: 'ignore',
      });
      children.push(child);
      return child;
    },
  };
}

/** SIGINT is a fast shutdown for PostgreSQL and for PgBouncer. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGINT');
  await once(child, 'exit');
}

export interface DoorServer {
  port: number;
  /** Directory of its socket. */
  socket: string;
}

/** A server with these settings and lines of pg_hba.conf; its superuser is `postgres` with PASSWORD. */
export async function startServer(
  ground: Ground,
  { settings, hba }: { settings: Record<string, string>; hba: readonly string[] },
): Promise<DoorServer> {
  const { directory, account, programs } = ground;
  const port = await freePort();
  const cluster = join(directory, `s${port}`);
  const pwfile = await ground.write(`p${port}`, PASSWORD);
  const initdb = [
    '-D',
    cluster,
    '-U',
    'postgres',
    '-E',
    'UTF8',
    '--no-locale',
    '--no-sync',
    '--auth=scram-sha-256',
  ];
  const made = await run(programs.path('initdb'), [...initdb, `--pwfile=${pwfile}`], {
    account,
    environment: programs.environment,
  });
  if (!made.ok) throw new Error(made.text);
  await writeFile(join(cluster, 'pg_hba.conf'), `${hba.join('\n')}\n`);
  const all = { port: String(port), unix_socket_directories: directory, fsync: 'off', ...settings };
  const child = ground.spawn(programs.path('postgres'), [
    ...['-D', cluster],
    ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ...['-c', 'logging_collector=on'],
  ]);
  const ready = async () =>
    /\nready/.test(await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => ''));
  while (!(await ready())) {
    if (child.exitCode !== null) throw new Error(`the server in ${cluster} ended with ${child.exitCode}`);
    await sleep(20);
  }
  return { port, socket: directory };
}

/** PgBouncer in transaction mode before a server that listens on TCP. */
export async function startPgBouncer(
  ground: Ground,
  server: DoorServer,
  settings: Record<string, string> = {},
): Promise<number> {
  const port = await freePort();
  const users = await ground.write(`u${port}`, `"postgres" "${PASSWORD}"\n`);
  const all = {
    ...{ listen_addr: '127.0.0.1', listen_port: port, unix_socket_dir: '' },
    ...{ auth_type: 'scram-sha-256', auth_file: users, pool_mode: 'transaction', default_pool_size: 4 },
    ...{ logfile: join(ground.directory, 'bouncer.log'), pidfile: join(ground.directory, `b${port}`) },
    ...settings,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`);
  const ini = await ground.write(
    `i${port}`,
    ['[databases]', `* = host=127.0.0.1 port=${server.port}`, '[pgbouncer]', ...lines, ''].join('\n'),
  );
  const child = ground.spawn(PGBOUNCER, ['-q', ini]);
  const file = join(ground.directory, `b${port}`);
  while (!existsSync(file)) {
    if (child.exitCode !== null) throw new Error(`PgBouncer ended with ${child.exitCode}`);
    await sleep(20);
  }
  return port;
}

export interface Authority {
  /** File of its certificate. */
  file: string;
  /** A certificate that it signs, and the key: files. `extension` says what for, as subjectAltName=DNS:localhost. */
  sign(name: string, subject: string, extension?: string): Promise<{ cert: string; key: string }>;
}

/** An authority made for the test, by openssl. */
export async function makeAuthority(ground: Ground, name: string): Promise<Authority> {
  const at = (file: string) => join(ground.directory, file);
  const openssl = (...args: string[]) =>
    execFileSync(OPENSSL, args, { cwd: ground.directory, stdio: ['ignore', 'ignore', 'pipe'] });
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const [ca, caKey] = [at(`${name}.pem`), at(`${name}.key`)];
  openssl('req', '-x509', ...fresh, '-keyout', caKey, '-out', ca, '-days', '2', '-subj', `/CN=${name}`);
  return {
    file: ca,
    async sign(file, subject, extension = 'basicConstraints=CA:FALSE') {
      const [key, csr, cert] = [at(`${file}.key`), at(`${file}.csr`), at(`${file}.crt`)];
      await ground.write(`${file}.ext`, extension);
      openssl('req', '-new', ...fresh, '-keyout', key, '-out', csr, '-subj', `/CN=${subject}`);
      const by = ['-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-days', '2'];
      openssl('x509', '-req', '-in', csr, ...by, '-out', cert, '-extfile', at(`${file}.ext`));
      await chmod(key, 0o600);
      const { account } = ground;
      if (account && isRoot) await chown(key, account.uid, account.gid);
      return { cert, key };
    },
  };
}
