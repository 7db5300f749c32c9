import { settings } from '../../config.js';
import { counted } from '../../domain/words.js';
import type { Evidence } from '../check.js';

/** More rows than this help nobody; the sentence says how many there are. */
const MOST = 20;

/** What a login lacks that does not see what sessions of others do. */
export const BLIND = 'It takes membership in pg_read_all_stats to see what sessions of others do.';

/** The rows that are shown. */
export const shown = (rows: readonly Evidence[]): Evidence[] =>
  rows.slice(0, MOST).map((row) => ({ ...row }));

/** Where rows are left out, how many; else nothing. */
export const beyond = (rows: readonly unknown[], one: string, many?: string): string =>
  rows.length > MOST
    ? ` (${counted(rows.length - MOST, `more ${one}`, many && `more ${many}`)} not shown)`
    : '';

export const applicationName = (name: string): string => name || 'a nameless application';

/** A command of Claire's on a book, to be pasted. */
export const commandFor = (book: string, command: string): string =>
  book === settings.book.fallback ? `claire ${command}` : `claire ${command} --book ${book}`;

/** Some names, and how many more there are. */
export function named(names: readonly string[], most = 3): string {
  const rest = names.length - most;
  return `${names.slice(0, most).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
