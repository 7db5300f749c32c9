import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readIfThere, replaceFile } from './embedded/files.js';

/** A line of libpq's password file: where a role's password is for. `*` stands for any. */
export interface PassfileLine {
  host: string;
  port: string;
  database: string;
  role: string;
  password: string;
}

/** A line as its five fields, without their backslashes; undefined where it is a comment or anything else. */
export function parsePassfileLine(line: string): PassfileLine | undefined {
  if (line.startsWith('#')) return undefined;
  const fields = line.match(/(?<=^|:)(?:\\.|[^:\\])*(?=:|$)/g) ?? [];
  const [host, port, database, role, password] = fields.map((field) => field.replace(/\\(.)/g, '$1'));
  if (!host || !port || !database || !role || !password) return undefined;
  return { host, port, database, role, password };
}

export const formatPassfileLine = (line: PassfileLine): string =>
  [line.host, line.port, line.database, line.role, line.password]
    .map((field) => field.replace(/[\\:]/g, '\\$&'))
    .join(':');

/** Where a line's password is for, as one text. */
const keyOf = ({ host, port, database, role }: PassfileLine): string =>
  JSON.stringify([host, port, database, role]);

/**
 * The text of a password file with these lines in it, each in the place of the one for the same server, database and role,
 * and without those for the roles to remove; all other lines stay as they are.
 */
export function withPassfileLines(
  text: string,
  set: readonly PassfileLine[],
  isToRemove: (line: PassfileLine) => boolean = () => false,
): string {
  const wanted = new Map(set.map((line) => [keyOf(line), formatPassfileLine(line)]));
  const lines = text.split('\n').filter((line) => line !== '');
  const kept = lines.flatMap((line) => {
    const parsed = parsePassfileLine(line);
    if (!parsed) return [line];
    const replacement = wanted.get(keyOf(parsed));
    wanted.delete(keyOf(parsed));
    if (replacement !== undefined) return [replacement];
    return isToRemove(parsed) ? [] : [line];
  });
  return [...kept, ...wanted.values()].map((line) => `${line}\n`).join('');
}

/** The lines of a password file; none where there is no file. */
export async function readPassfile(path: string): Promise<PassfileLine[]> {
  const lines = ((await readIfThere(path)) ?? '').split('\n').map(parsePassfileLine);
  return lines.filter((line) => line !== undefined);
}

/**
 * Puts lines into a password file, mode 0600, and takes those of roles away; made where it is missing, replaced at once.
 * What another writes meanwhile would be lost: the caller sees to it that nobody does.
 */
export async function changePassfile(
  path: string,
  set: readonly PassfileLine[],
  isToRemove?: (line: PassfileLine) => boolean,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await replaceFile(path, withPassfileLines((await readIfThere(path)) ?? '', set, isToRemove), 0o600);
}
