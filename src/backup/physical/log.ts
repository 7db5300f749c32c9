import { open, readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ClaireError } from '../../errors/index.js';
import { openFile } from '../files.js';
import type { BackupKey } from '../keys.js';
import { isSegmentName, lsnOf, parseSegmentName, type Segment, segmentAt, segmentName } from './segments.js';

/** A file of the log as it lies in the archive: `NAME.gz`, or `NAME.gz.KEY` where it is encrypted with a key of that id. */
export interface Archived {
  name: string;
  path: string;
  key: string | null;
}

const ARCHIVED = /^([0-9A-F]{24}|[0-9A-F]{8}\.history)\.gz(?:\.([0-9a-f]+))?$/;

export const archivedName = (name: string, key: BackupKey | undefined): string =>
  key ? `${name}.gz.${key.id}` : `${name}.gz`;

/** What an archive holds, by name. Nothing where there is none. */
export async function listArchive(archive: string): Promise<Map<string, Archived>> {
  const entries = await readdir(archive).catch(() => [] as string[]);
  const found = entries.flatMap((entry) => {
    const [, name, key] = ARCHIVED.exec(entry) ?? [];
    return name === undefined ? [] : [{ name, path: join(archive, entry), key: key ?? null }];
  });
  return new Map(found.map((one) => [one.name, one]));
}

/** Where the log of a server lies in a directory of backups. Another server of the same names has another place. */
export const archiveOf = (backups: string, systemIdentifier: string): string =>
  join(backups, 'wal', systemIdentifier);

/** The content of an archived file. @throws ClaireError backup_damaged, backup_key_wrong */
export async function readArchived(archived: Archived, key: BackupKey | undefined): Promise<Buffer> {
  if (archived.key !== null && archived.key !== key?.id) {
    const found = `${archived.name} is encrypted with key ${archived.key}${key ? `, and this is key ${key.id}` : ''}.`;
    throw new ClaireError('backup_key_wrong', { found });
  }
  const name = basename(archived.path);
  const { size } = await stat(archived.path);
  const directory = archived.path.slice(0, -name.length);
  const file = { name, bytes: size, sha256: '' };
  const pieces: Buffer[] = [];
  const coding = { gzip: true, key: archived.key === null ? undefined : key };
  for await (const piece of openFile(directory, file, coding)) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** A timeline with the place where it began; the first has none. */
interface Branch {
  timeline: number;
  from: bigint;
}

/** What the archive holds of the log from a place on. */
export interface Log {
  /** The timeline that it ends on. */
  timeline: number;
  histories: Archived[];
  /** Without a gap, in order. */
  segments: Archived[];
  /** The first file that is not there though there are later ones. */
  missing: string | undefined;
}

/** Where a way through the log begins, and until when it is gone. */
export interface Way {
  timeline: number;
  lsn: string;
  key: BackupKey | undefined;
  /** Unix milliseconds: a timeline that was begun later leads elsewhere. Undefined: to the end. */
  moment_ms?: number | undefined;
}

/** The log from a place on, along the newest timeline that leads from it to a moment. */
export async function logFrom(archive: string, way: Way, segmentBytes: number): Promise<Log> {
  const listed = await listArchive(archive);
  const histories = historiesOf(listed);
  const branches = await newestPath(histories, way);
  const last = lastNumber(listed, branches, segmentBytes);
  const segments: Archived[] = [];
  let missing: string | undefined;
  for (let number = segmentAt(way.lsn, segmentBytes); number <= last; number++) {
    const found = inBranches(branches, number, segmentBytes)
      .map((segment) => listed.get(segmentName(segment, segmentBytes)))
      .find((one) => one !== undefined);
    if (!found) {
      missing = segmentName(inBranches(branches, number, segmentBytes)[0]!, segmentBytes);
      break;
    }
    segments.push(found);
  }
  return { timeline: branches.at(-1)!.timeline, histories, segments, missing };
}

const historiesOf = (listed: ReadonlyMap<string, Archived>): Archived[] =>
  [...listed.values()].filter(({ name }) => name.endsWith('.history'));

/** What an archive knows of the timelines of its server. */
export const archivedHistories = async (archive: string): Promise<Archived[]> =>
  historiesOf(await listArchive(archive));

/** The newest timeline that leads from a place to a moment. */
export const timelineFrom = async (archive: string, way: Way): Promise<number> =>
  (await newestPath(await archivedHistories(archive), way)).at(-1)!.timeline;

/** On which timelines a file may be read, the newest first: where one branches off, its own has a copy of what was before. */
const inBranches = (branches: readonly Branch[], number: bigint, segmentBytes: number): Segment[] =>
  branches
    .filter((branch, at) => {
      const next = branches[at + 1];
      return (
        number >= segmentAt(branch.from, segmentBytes) &&
        (!next || number <= segmentAt(next.from, segmentBytes))
      );
    })
    .map(({ timeline }) => ({ timeline, number }))
    .reverse();

function lastNumber(
  listed: ReadonlyMap<string, Archived>,
  branches: readonly Branch[],
  segmentBytes: number,
): bigint {
  const newest = branches.map(({ timeline }) => timeline);
  let last = -1n;
  for (const name of listed.keys()) {
    if (!isSegmentName(name)) continue;
    const segment = parseSegmentName(name, segmentBytes);
    const isOnPath =
      newest.includes(segment.timeline) &&
      inBranches(branches, segment.number, segmentBytes).some(
        ({ timeline }) => timeline === segment.timeline,
      );
    if (isOnPath && segment.number > last) last = segment.number;
  }
  return last;
}

/** So long after a server began a timeline its history may come into the archive; it was down for longer before. */
const ARCHIVED_MS = 5000;

/** The timelines that lead from a place to the newest one that was branched off after it. */
async function newestPath(
  histories: readonly Archived[],
  { key, moment_ms = Number.POSITIVE_INFINITY, ...from }: Way,
): Promise<Branch[]> {
  const own: Branch[] = [{ timeline: from.timeline, from: 0n }];
  const newestFirst = [...histories].sort((a, b) => (a.name < b.name ? 1 : -1));
  for (const history of newestFirst) {
    const timeline = Number.parseInt(history.name, 16);
    if (timeline <= from.timeline) break;
    if ((await stat(history.path)).mtimeMs - ARCHIVED_MS > moment_ms) continue;
    const steps = parseHistory((await readArchived(history, key)).toString('utf8'));
    const at = steps.findIndex((step) => step.timeline === from.timeline);
    if (at < 0 || steps[at]!.until < lsnOf(from.lsn)) continue;
    const rest = [...steps.slice(at + 1).map((step) => step.timeline), timeline];
    return own.concat(rest.map((each, index) => ({ timeline: each, from: steps[at + index]!.until })));
  }
  return own;
}

/** `1	0/3000000	reason`: until where a timeline was followed. */
const parseHistory = (text: string): { timeline: number; until: bigint }[] =>
  text.split('\n').flatMap((line) => {
    const [, timeline, until] = /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/i.exec(line) ?? [];
    return until === undefined ? [] : [{ timeline: Number(timeline), until: lsnOf(until) }];
  });

/** Puts archived files where a server that recovers looks for them. The empty end of a file takes no room. */
export async function putLog(
  archived: readonly Archived[],
  directory: string,
  { key, chown }: { key: BackupKey | undefined; chown: { uid: number; gid: number } | undefined },
): Promise<void> {
  for (const each of archived) {
    const content = await readArchived(each, key);
    const file = await open(join(directory, each.name), 'w', 0o600);
    try {
      if (chown) await file.chown(chown.uid, chown.gid);
      await file.writeFile(content.subarray(0, filled(content)));
      await file.truncate(content.length);
    } finally {
      await file.close();
    }
  }
}

/** How long it is without the zeros at its end. */
function filled(content: Buffer): number {
  let end = content.length;
  const zeros = Buffer.alloc(8192);
  while (end >= zeros.length && content.subarray(end - zeros.length, end).equals(zeros)) end -= zeros.length;
  return end;
}

/** Whether a file on the disk is what an archived one holds. */
export async function isSame(archived: Archived, path: string, key: BackupKey | undefined): Promise<boolean> {
  return (await readArchived(archived, key)).equals(await readFile(path));
}
