import { createHash } from 'node:crypto';
import { appendFile, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { z } from 'zod';
import { isAlive } from '../database/embedded/index.js';
import { ClaireError } from '../errors/index.js';
import { checkSizes, damaged, type StoredFile } from './files.js';
import { type Kind, type SideFile, sideFile, type Verified, verifiedFile } from './side-file.js';

const SIDE_FILE = 'backup.json';
const VERIFIED = 'verified.json';
const LOG = 'log.jsonl';
const PARTIAL = '.partial-';

/** A backup while it is written: under a name that nobody takes for one. */
export interface Draft {
  /** What it will be called. */
  name: string;
  directory: string;
  /** Gives it its name, when everything is on the disk. */
  finish(side: SideFile): Promise<Listed>;
  /** Takes away what was begun. */
  abandon(): Promise<void>;
}

/** A backup that lies there. */
export interface Listed {
  name: string;
  directory: string;
  /** Undefined where it cannot be read; `problem` says why. */
  side?: SideFile;
  verified?: Verified;
  problem?: string;
}

/** `main_logical_20261123T030000Z`: of what, how, and when; it sorts by time within what it is of. */
export const backupName = (of: string, kind: Kind, moment_ms: number): string =>
  `${of}_${kind}_${new Date(moment_ms).toISOString().replace(/[-:]|\.\d+/g, '')}`;

/** @throws ClaireError backup_failed */
export async function openDraft(backups: string, wanted: string): Promise<Draft> {
  await writing(mkdir(backups, { recursive: true, mode: 0o700 }));
  await removeLeftovers(backups);
  const name = freeName(await writing(readdir(backups)), wanted);
  const directory = partialOf(backups, name);
  await writing(mkdir(directory, { mode: 0o700 }));
  const abandon = () => removePartial(directory);
  return {
    ...{ name, directory, abandon },
    async finish(side) {
      const text = JSON.stringify({ ...side, seal: sealOf(side) }, null, 2);
      await writeWhole(directory, SIDE_FILE, `${text}\n`);
      const final = join(backups, name);
      await writing(rename(directory, final));
      ours.delete(directory);
      await syncDirectory(backups);
      return { name, directory: final, side };
    },
  };
}

/** What the side file is held against: it is itself a file of which a bit may turn. */
const sealOf = (side: object): string => createHash('sha256').update(JSON.stringify(side)).digest('hex');

/** Partial directories of this process. In a container the one that was killed had our number. */
const ours = new Set<string>();

function partialOf(backups: string, name: string): string {
  const directory = join(backups, `${PARTIAL}${name}-${process.pid}`);
  ours.add(directory);
  return directory;
}

async function removePartial(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  ours.delete(directory);
}

/** Two of one second: the second one says so. */
function freeName(there: readonly string[], wanted: string): string {
  const isTaken = (name: string) =>
    there.some((each) => each === name || each.replace(PARTIAL, '').replace(/-\d+$/, '') === name);
  let name = wanted;
  for (let n = 2; isTaken(name); n++) name = `${wanted}-${n}`;
  return name;
}

/** What a process that is dead now began, to write or to take away. */
async function removeLeftovers(backups: string): Promise<void> {
  for (const name of await writing(readdir(backups))) {
    const pid = Number(name.startsWith(PARTIAL) ? /-(\d+)$/.exec(name)?.[1] : Number.NaN);
    const directory = join(backups, name);
    if (Number.isNaN(pid) || (pid === process.pid ? ours.has(directory) : isAlive(pid))) continue;
    await writing(rm(directory, { recursive: true, force: true }));
  }
}

/** Whether a backup of a kind is under way, or was when its process was killed. */
export const isUnderWay = async (backups: string, kind: Kind): Promise<boolean> =>
  (await readdir(backups).catch(() => [] as string[])).some(
    (name) => name.startsWith(PARTIAL) && name.includes(`_${kind}_`),
  );

/** Every backup of a directory, the newest first; also what cannot be read, with its problem. None where there is none. */
export async function listBackups(backups: string): Promise<Listed[]> {
  const names = await readdir(backups).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new ClaireError('backup_missing', { found: `${error.message}.`, cause: error });
  });
  const found = await Promise.all(names.map((name) => readListed(backups, name)));
  const time = ({ side }: Listed) => side?.taken_ms ?? 0;
  return found
    .filter((one) => one !== undefined)
    .sort((a, b) => time(b) - time(a) || (a.name < b.name ? 1 : -1));
}

async function readListed(backups: string, name: string): Promise<Listed | undefined> {
  const directory = join(backups, name);
  // One that is gone by now was taken away.
  const found = await stat(directory).catch(() => undefined);
  if (name.startsWith('.') || !found?.isDirectory()) return undefined;
  // Beside the backups may lie what is none, like the archive of the log.
  if (!/_(logical|pg_dump|physical)_\d{8}T\d{6}Z/.test(name)) return undefined;
  try {
    const written = await readJson(directory, SIDE_FILE);
    if (!written) throw damaged(`${SIDE_FILE} is missing.`);
    const { seal, ...rest } = written;
    if (seal !== sealOf(rest)) throw damaged(`The content of ${SIDE_FILE} has changed since it was written.`);
    const side = shaped(SIDE_FILE, rest, sideFile);
    if (side.name !== name) throw damaged(`${SIDE_FILE} is that of ${side.name}.`);
    const verified = await readVerified(directory, side.files);
    return { ...{ name, directory, side }, ...(verified ? { verified } : {}) };
  } catch (error) {
    return { name, directory, problem: (error as Error).message };
  }
}

/**
 * What cannot be read says nothing of the backup, which is tried again. Files that are gone since, or cut, are seen here
 * already: retention takes away what a verified backup holds.
 */
async function readVerified(directory: string, files: readonly StoredFile[]): Promise<Verified | undefined> {
  const tried = await readJson(directory, VERIFIED).catch(() => undefined);
  const read = verifiedFile.safeParse(tried);
  if (!read.success || !read.data.ok) return read.data;
  try {
    await checkSizes(directory, files);
    return read.data;
  } catch (error) {
    return { ...read.data, ok: false, problems: [(error as Error).message] };
  }
}

/** @throws ClaireError backup_missing, backup_damaged */
export async function findBackup(backups: string, name: string): Promise<Listed & { side: SideFile }> {
  const listed = (await listBackups(backups)).find((one) => one.name === name);
  if (!listed) throw new ClaireError('backup_missing', { found: `${backups} has no ${name}.` });
  return whole(listed);
}

/** @throws ClaireError backup_damaged */
export function whole(listed: Listed): Listed & { side: SideFile } {
  const { side, problem } = listed;
  if (!side) throw damaged(`${listed.name}: ${problem}`);
  return { ...listed, side };
}

async function readJson(directory: string, name: string): Promise<Record<string, unknown> | undefined> {
  const text = await readFile(join(directory, name), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw damaged(`${name}: ${(error as Error).message}.`);
  }
}

function shaped<Shape extends z.ZodType>(name: string, value: unknown, shape: Shape): z.output<Shape> {
  const read = shape.safeParse(value);
  if (read.success) return read.data;
  throw damaged(`${name}: ${read.error.issues[0]!.path.join('.')} is not as it was written.`);
}

export const writeVerified = (listed: Listed, verified: Verified): Promise<void> =>
  writeWhole(listed.directory, VERIFIED, `${JSON.stringify(verified, null, 2)}\n`);

/** Its name goes first: half of one that is taken away is not to be taken for a whole one. */
export async function removeBackup({ name, directory }: Listed): Promise<void> {
  const partial = partialOf(dirname(directory), name);
  await rename(directory, partial).catch((error: NodeJS.ErrnoException) => {
    // Somebody else takes it away.
    if (error.code !== 'ENOENT') return writing(Promise.reject(error));
  });
  await writing(removePartial(partial));
}

/** A file that is seen whole or not at all, also after the power went. */
async function writeWhole(directory: string, name: string, text: string): Promise<void> {
  const partial = join(directory, `.${name}-${process.pid}`);
  const file = await writing(open(partial, 'w', 0o600));
  try {
    await writing(file.writeFile(text));
    await writing(file.sync());
  } finally {
    await file.close();
  }
  await writing(rename(partial, join(directory, name)));
  await syncDirectory(directory);
}

/** A name is on the disk when its directory is. Windows has no such thing. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await writing(open(directory, 'r'));
  try {
    await writing(handle.sync());
  } finally {
    await handle.close();
  }
}

const writing = <T>(work: Promise<T>): Promise<T> =>
  work.catch((cause: Error) => {
    throw new ClaireError('backup_failed', { found: `${cause.message}.`, cause });
  });

/** Something that happened to backups. */
export interface BackupEvent {
  at_ms: number;
  action: 'create' | 'verify' | 'prune' | 'restore' | 'hook';
  name?: string;
  book?: string;
  ok: boolean;
  /** Code and message of the error. */
  error?: string;
}

/**
 * Tells the log of the directory. It lies there and not in the database: what is to be told may be that the database
 * cannot be reached, and a restore must not take it back. Where the disk is full even a line has no room; then only
 * whoever asked is told, and `status` shows how old the last verified backup is.
 */
export async function logEvent(backups: string, event: BackupEvent): Promise<void> {
  await mkdir(backups, { recursive: true, mode: 0o700 }).catch(() => {});
  await appendFile(join(backups, LOG), `${JSON.stringify(event)}\n`, { mode: 0o600 }).catch(() => {});
}

/** The last events, the newest first. */
export async function lastEvents(backups: string, count: number): Promise<BackupEvent[]> {
  const text = await readFile(join(backups, LOG), 'utf8').catch(() => '');
  const lines = text.trimEnd().split('\n').slice(-count).reverse();
  return lines.flatMap((line) => {
    try {
      return [JSON.parse(line) as BackupEvent];
    } catch {
      // The end of a line that had no room.
      return [];
    }
  });
}
