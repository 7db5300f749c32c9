import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import {
  type BackupEvent,
  type BackupKey,
  createBackup,
  findDumpTools,
  type Kind,
  LEVELS,
  type Listed,
  logEvent,
  readKey,
  type Verified,
  verifyBackup,
  writeLogical,
  writePgDump,
  writePhysical,
} from '../backup/index.js';
import { clientEnvironment, type Setting, setting, settings } from '../config.js';
import { ClaireError } from '../errors/index.js';
import { LATEST_VERSION, listBooks } from '../schema/index.js';
import { type Invocation, option } from './command.js';
import { progress } from './progress.js';
import type { Place } from './session.js';

/** Where backups are, and how they are written. */
export interface BackupSettings {
  backups: string;
  key: BackupKey | undefined;
  /** Server to restore into for a look; undefined: one of our own. */
  scratch: string | undefined;
  hook: string | undefined;
  /** Where somebody said it; else it is the kind's. */
  gzip: number | undefined;
  /** How pg_dump compresses, where somebody said it. */
  compress: string | undefined;
}

export const offered = (name: Setting) => {
  const { flag, meaning, environment, fallback } = settings[name];
  const otherwise = fallback === undefined ? '' : `; default ${fallback}`;
  return option(flag!, `${meaning} (environment ${environment}${otherwise})`);
};

/** Options of every command that has to do with backups. */
export const backupOptions = () => [offered('backups'), offered('backup_key_file'), offered('scratch_url')];
export const writingOptions = () => [
  offered('backup_hook'),
  option(
    '--gzip <level>',
    'level of compression, 1 (fast) to 9 (small); default 3 of logical, 6 of physical, 9 of pg_dump',
  ),
  option('--compress <method>', 'of pg_dump from 16 on, where its build knows it: lz4, zstd:3 and the like'),
];

/** @throws ClaireError backup_key_invalid, usage_invalid */
export async function backupSettings({ globals, options }: Invocation): Promise<BackupSettings> {
  const text = (name: string) => options[name] as string | undefined;
  const key = await readKey({
    file: setting('backup_key_file', text('keyFile')),
    text: setting('backup_key'),
  });
  return {
    backups: setting('backups', text('backups')) ?? join(globals.data, 'backups'),
    key,
    scratch: setting('scratch_url', text('scratch')),
    hook: setting('backup_hook', text('hook')),
    gzip: levelOf(text('gzip')),
    compress: text('compress') ?? text('gzip'),
  };
}

function levelOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]$/.test(text)) return Number(text);
  throw new ClaireError('usage_invalid', { found: `--gzip is a level from 1 to 9, not ${text}.` });
}

export interface Wanted extends BackupSettings {
  book: string;
  kind: Kind;
  verify: boolean;
  /** Nothing is drawn in the middle of what somebody else draws. */
  quiet?: boolean;
  signal: AbortSignal;
}

export interface Taken {
  backup: Listed;
  verified: Verified | undefined;
}

/** Takes a backup, restores it to see whether it can be, and hands it on; each told to the log of the directory. */
export async function takeBackup(place: Place, wanted: Wanted): Promise<Taken> {
  const { backups, book, kind, key, gzip, signal, quiet } = wanted;
  const bar = quiet ? undefined : progress('backup');
  try {
    const backup = await logged(wanted, { action: 'create', book }, () =>
      createBackup(
        {
          ...{ backups, kind, of: kind === 'physical' ? 'server' : book },
          // pg_dump compresses by itself.
          coding: { gzip: LEVELS[kind] && (gzip ?? LEVELS[kind]), key, signal },
          onProgress: (done, total, note) => bar?.update(done, total, note),
        },
        writerOf(place, wanted),
      ),
    );
    if (wanted.verify) return { backup, verified: await proveBackup(backup, wanted) };
    await handOn(backup, wanted);
    return { backup, verified: undefined };
  } finally {
    bar?.end();
  }
}

/** pg_dump where there is one that fits the server, as the seed has it; else what needs no program. */
export async function usualKind(place: Place): Promise<Kind> {
  const [row] = await place
    .database('postgres')
    .query<{ major: number }>(`select current_setting('server_version_num')::int / 10000 as major`);
  return findDumpTools(row!.major).then(
    () => 'pg_dump',
    () => 'logical',
  );
}

function writerOf(
  place: Place,
  { book, kind, compress, signal }: Wanted,
): Parameters<typeof createBackup>[1] {
  const url = place.url('postgres');
  if (kind === 'logical') return (writing) => writeLogical({ url, book }, writing);
  if (kind === 'pg_dump') return (writing) => writePgDump({ url, book, compression: compress }, writing);
  return async (writing) => {
    await place.server?.keepLog();
    const books = await listBooks(place.database('postgres'));
    const current = books.filter(({ version }) => version === LATEST_VERSION).map(({ book }) => book);
    return writePhysical({ url, books: current, signal }, writing);
  };
}

/** Restores a backup to see whether it can be, and hands it on where it can. */
export async function proveBackup(
  backup: Listed,
  settings: Pick<Wanted, 'backups' | 'key' | 'hook' | 'scratch' | 'quiet' | 'signal'>,
): Promise<Verified> {
  const verified = await checkBackup(backup, settings);
  if (verified.ok) await handOn(backup, settings);
  return verified;
}

/** Restores a backup to see whether it can be. */
export async function checkBackup(
  backup: Listed,
  settings: Pick<Wanted, 'backups' | 'key' | 'scratch' | 'quiet' | 'signal'>,
): Promise<Verified> {
  const { key, scratch, quiet, signal } = settings;
  const bar = quiet ? undefined : progress('verify');
  try {
    return await logged(settings, { action: 'verify', name: backup.name }, async () => {
      const verified = await verifyBackup(backup, {
        ...{ key, scratch, signal },
        onStage: (sentence) => bar?.update(0, undefined, sentence),
      });
      return verified;
    });
  } finally {
    bar?.end();
  }
}

/** Says how work ended in the log of the directory, whatever its end. */
async function logged<T extends Listed | Verified>(
  { backups }: Pick<BackupSettings, 'backups'>,
  event: Pick<BackupEvent, 'action' | 'book' | 'name'>,
  work: () => Promise<T>,
): Promise<T> {
  const tell = (more: Pick<BackupEvent, 'ok' | 'error' | 'name'>) =>
    logEvent(backups, { at_ms: Date.now(), ...event, ...more });
  try {
    const done = await work();
    const problem = 'problems' in done ? done.problems.join(' ') : '';
    await tell({
      ...('name' in done ? { name: done.name } : {}),
      ok: problem === '',
      ...(problem ? { error: problem } : {}),
    });
    return done;
  } catch (error) {
    await tell({ ok: false, error: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}

/** @throws ClaireError backup_hook_failed */
async function handOn(
  backup: Listed,
  { hook, backups, quiet, signal }: Pick<Wanted, 'hook' | 'backups' | 'quiet' | 'signal'>,
): Promise<void> {
  if (hook === undefined) return;
  const code = await new Promise<number | string | null>((resolve) => {
    const child = spawn(hook, {
      shell: true,
      // A group of its own: what the shell has started ends with it.
      detached: process.platform !== 'win32',
      env: { ...clientEnvironment(), CLAIRE_BACKUP: backup.directory },
      // What it says is for the person who watches, and never a part of the answer.
      stdio: ['ignore', quiet ? 'ignore' : process.stderr, quiet ? 'ignore' : process.stderr],
    });
    const end = () => endGroup(child);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    child.once('error', (error) => resolve(error.message));
    child.once('close', (status, name) => {
      signal.removeEventListener('abort', end);
      resolve(status ?? name);
    });
  });
  const error = code === 0 ? undefined : `It ended with ${code}.`;
  await logEvent(backups, {
    ...{ at_ms: Date.now(), action: 'hook', name: backup.name, ok: error === undefined },
    ...(error ? { error } : {}),
  });
  if (error) throw new ClaireError('backup_hook_failed', { found: error });
}

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined || process.platform === 'win32') {
    child.kill();
    return;
  }
  try {
    process.kill(-child.pid, 'SIGTERM');
  } catch {
    // It has ended by itself.
  }
}
