/** A line of a table: what stands in each column. */
export type Cells = readonly (string | null | undefined)[];

/**
 * Where a command's answer goes: text for people, or one JSON document, on standard output. What accompanies the work
 * (notices, progress) goes to standard error and never into the answer.
 */
export class Printer {
  readonly json: boolean;

  constructor(json: boolean) {
    this.json = json;
  }

  /** The answer, once a command: the document for programs, or what `text` makes of it for people. */
  answer(document: unknown, text: () => string): void {
    write(process.stdout, this.json ? JSON.stringify(document, null, 2) : text());
  }

  /** Something on the way to the answer, which a program does not need. */
  say(text: string): void {
    if (!this.json) write(process.stdout, text);
  }

  /** Something the user should know that is not the answer. */
  note(text: string): void {
    write(process.stderr, text);
  }
}

const write = (stream: NodeJS.WriteStream, text: string): void => {
  stream.write(text.endsWith('\n') ? text : `${text}\n`);
};

const NUMBER = /^-?\d+(,\d{3})*(\.\d+)?$/;

/** Columns side by side; one that holds nothing but numbers stands to the right. */
export function table(head: readonly string[], rows: readonly Cells[]): string {
  const cells = rows.map((row) => head.map((_, at) => row[at] ?? ''));
  const columns = head.map((title, at) => {
    const texts = cells.map((row) => row[at]!);
    const width = Math.max(title.length, ...texts.map((text) => text.length));
    const isNumber =
      texts.some((text) => text !== '') && texts.every((text) => text === '' || NUMBER.test(text));
    return (text: string) => (isNumber ? text.padStart(width) : text.padEnd(width));
  });
  return [head, ...cells]
    .map((row) =>
      row
        .map((text, at) => columns[at]!(text))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Names and what belongs to them, one under the other. */
export function list(entries: readonly (readonly [name: string, value: unknown])[]): string {
  const width = Math.max(0, ...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `${name.padEnd(width)}  ${String(value)}`).join('\n');
}

/** Comma-separated values as RFC 4180 has them, with a head line. */
export function csv(head: readonly string[], rows: readonly Cells[]): string {
  return [head, ...rows].map((row) => row.map((cell) => quoted(cell ?? '')).join(',')).join('\n');
}

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** `12,345`. By hand: a number that is asked for its text in a language reads all of Intl, 40 ms. */
export const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ',');

/** `1 row`, `2 rows`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${grouped(count)} ${count === 1 ? one : many}`;

const SIZES = ['B', 'kB', 'MB', 'GB', 'TB'];

/** A size as people read it, in powers of 1000. */
export function bytesText(bytes: number): string {
  let size = bytes;
  let at = 0;
  for (; size >= 1000 && at < SIZES.length - 1; at++) size /= 1000;
  return `${at === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${SIZES[at]}`;
}
