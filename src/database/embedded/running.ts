import { readFile, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseError } from 'pg';
import { ClaireError } from '../../errors/index.js';
import { asSuperuser } from './admin.js';
import { isAlive, readIfThere } from './files.js';
import type { Passwords } from './logins.js';
import { readPasswords } from './passwords.js';
import { run } from './programs.js';

/** What the pid file and the process behind it say about a cluster. */
export type Running =
  | { state: 'ours'; pid: number; port: number }
  /** A server of this cluster that does not answer yet, or not any more. */
  | { state: 'busy'; pid: number }
  /** `stalePid`: the pid file names a living process that is not this cluster's server. */
  | { state: 'none'; stalePid?: number };

export interface PidFile {
  pid: number;
  port: number;
  isReady: boolean;
}

/** PostgreSQL's postmaster.pid: pid, directory, start time, port, socket directory, address, memory key, status. */
export async function readPidFile(cluster: string): Promise<PidFile | undefined> {
  const lines = (await readIfThere(join(cluster, 'postmaster.pid')))?.split('\n') ?? [];
  const pid = Number.parseInt(lines[0] ?? '', 10);
  if (!(pid > 0)) return undefined;
  return { pid, port: Number(lines[3]), isReady: lines[7]?.trim() === 'ready' };
}

/**
 * Whether the process can be this cluster's server. A pid is given out again after a reboot, so the pid alone says
 * nothing. In doubt yes: PostgreSQL then decides.
 */
async function runsCluster(pid: number, cluster: string): Promise<boolean> {
  if (!isAlive(pid)) return false;
  if (process.platform === 'win32') return true;
  if (process.platform !== 'linux') {
    return (await run('/bin/ps', ['-o', 'comm=', '-p', String(pid)])).text.includes('postgres');
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // A zombie has ended; a container without a reaping init keeps it for ever.
  const [, name, processState] = /^\d+ \((.*)\) (\S)/s.exec(stat) ?? [];
  if (name === undefined || processState === 'Z' || !name.startsWith('postgres')) return false;
  // The server's working directory is its cluster. Closed to us for another user's process.
  const directory = await readlink(`/proc/${pid}/cwd`).catch(() => cluster);
  return directory === cluster;
}

/** Looks once. Ours is what has our cluster, takes our password (of the file, or known) and names our directory. */
export async function inspect(cluster: string, passfile: string, known?: Passwords): Promise<Running> {
  const file = await readPidFile(cluster);
  if (!file || !isAlive(file.pid)) return { state: 'none' };
  if (!(await runsCluster(file.pid, cluster))) return { state: 'none', stalePid: file.pid };
  if (!file.isReady) return { state: 'busy', pid: file.pid };
  const passwords = known ?? (await readPasswords(passfile));
  if (!passwords) {
    throw new ClaireError('embedded_directory_unusable', {
      found: `A server runs on it (pid ${file.pid}), but ${passfile} does not hold its passwords. Stop that server first.`,
    });
  }
  try {
    const { rows } = await asSuperuser({ port: file.port, password: passwords.postgres }, (client) =>
      client.query<{ data_directory: string }>('show data_directory'),
    );
    const named = rows[0]?.data_directory ?? '';
    const real = await realpath(named).catch(() => named);
    return real === cluster ? { state: 'ours', pid: file.pid, port: file.port } : { state: 'none' };
  } catch (error) {
    // invalid_password
    if (error instanceof DatabaseError && error.code === '28P01') {
      throw new ClaireError('embedded_directory_unusable', {
        found: `A server runs on it (pid ${file.pid}), but refuses the passwords in ${passfile}. Stop that server first.`,
        cause: error,
      });
    }
    return { state: 'busy', pid: file.pid };
  }
}

/** Looks until the server answers or is gone; at most `wait_ms` long. */
export async function settled(cluster: string, passfile: string, wait_ms: number): Promise<Running> {
  const end = Date.now() + wait_ms;
  for (;;) {
    const running = await inspect(cluster, passfile);
    if (running.state !== 'busy' || Date.now() > end) return running;
    await sleep(30);
  }
}
