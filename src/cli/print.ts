export { bytesText, counted, grouped } from '../domain/words.js';

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
