import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Programs } from './build.js';
import { lastLines } from './cluster.js';
import { HOST } from './logins.js';
import { run, underAccount } from './programs.js';
import { readPidFile } from './running.js';

/** Crash recovery reads the whole log since the last checkpoint. */
const READY_WAIT_MS = 300_000;

export interface Launch {
  programs: Programs;
  cluster: string;
  port: number;
  settings: Record<string, string>;
  log: string;
  environment: Record<string, string>;
}

export type Launched = { isReady: true; pid: number } | { isReady: false; text: string };

const serverArguments = ({ port, settings }: Launch): string[] =>
  Object.entries({
    ...settings,
    port: String(port),
    listen_addresses: HOST,
    unix_socket_directories: '',
  }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);

/**
 * Starts a server that outlives us, in a session of its own, and waits until it is ready or has ended.
 * `postgres` itself rather than `pg_ctl start`: pg_ctl puts directory, log and settings unquoted into a shell's line,
 * leaves a killed server as a zombie that nobody reaps where we are a container's first process, and sets
 * PG_GRANDPARENT_PID itself (see start.ts). Windows needs pg_ctl, which gives up the administrator's rights.
 */
export async function launch(options: Launch): Promise<Launched> {
  if (process.platform === 'win32') return launchOnWindows(options);
  const { programs, cluster, log } = options;
  // Opened by us and inherited: the server's account need not reach the file.
  const output = openSync(log, 'a', 0o600);
  const begin = await sizeOf(log);
  const server = spawn(programs.path('postgres'), ['-D', cluster, ...serverArguments(options)], {
    ...underAccount(programs.account, { ...programs.environment, ...options.environment }),
    cwd: dirname(cluster),
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  let end: string | undefined;
  server.once('error', (error) => {
    end = error.message;
  });
  server.once('exit', () => {
    end ??= '';
  });
  server.unref();
  const deadline = Date.now() + READY_WAIT_MS;
  while (end === undefined && Date.now() < deadline) {
    const file = await readPidFile(cluster);
    if (file?.isReady && file.pid === server.pid) return { isReady: true, pid: file.pid };
    await sleep(15);
  }
  return { isReady: false, text: end || (await endOfLog(log, begin)) };
}

async function launchOnWindows(options: Launch): Promise<Launched> {
  const { programs, cluster, log } = options;
  const begin = await sizeOf(log);
  const settings = serverArguments(options).map((part) => (part === '-c' ? part : `"${part}"`));
  const started = await run(
    programs.path('pg_ctl'),
    ['start', '-w', '-t', String(READY_WAIT_MS / 1000), '-D', cluster, '-l', log, '-o', settings.join(' ')],
    { environment: { ...programs.environment, ...options.environment } },
  );
  const file = await readPidFile(cluster);
  if (started.ok && file) return { isReady: true, pid: file.pid };
  return { isReady: false, text: (await endOfLog(log, begin)) || started.text };
}

async function sizeOf(log: string): Promise<number> {
  const file = await open(log, 'a', 0o600);
  try {
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}

async function endOfLog(log: string, begin: number): Promise<string> {
  const file = await open(log, 'r');
  try {
    const { buffer, bytesRead } = await file.read({ position: begin, buffer: Buffer.alloc(64 * 1024) });
    return lastLines(buffer.toString('utf8', 0, bytesRead));
  } finally {
    await file.close();
  }
}
