import { LosslessNumber, parse } from 'lossless-json';
import type { Row } from './columns.js';
import { LONGEST, requireUtf8, type Source, Unusable } from './source.js';

/**
 * Rows of a source with a JSON object a line.
 * @throws Unusable naming the line; the rows before it have been yielded.
 */
export async function* readJsonLines(source: Source): AsyncGenerator<Row> {
  for await (const { text, line } of lines(source)) {
    if (text.trim() === '') continue;
    requireUtf8(text, line);
    const value = readJson(text, line, 'this');
    if (
      typeof value !== 'object' ||
      value === null ||
      Array.isArray(value) ||
      value instanceof LosslessNumber
    ) {
      throw new Unusable('this is not a JSON object; each line holds one', line);
    }
    yield { line, size: text.length, fields: withPlainNumbers(value as Row['fields']) };
  }
}

/** A value of JSON whose numbers keep every digit. */
export function readJson(text: string, line: number, what: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    const found = (error as Error).message.slice(0, 200);
    throw new Unusable(
      `${what} is not JSON (${found}); mend it, or get the file again if it was cut off`,
      line,
      error,
    );
  }
}

/** Numbers of fields become their decimal text; those inside a JSON field stay what they are. */
function withPlainNumbers(fields: Row['fields']): Row['fields'] {
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof LosslessNumber) fields[name] = plain(value.value);
  }
  return fields;
}

/** Programs write small and large numbers with an exponent, which is no decimal text. What is longer fits nowhere. */
export function plain(number: string): string {
  const parts = /^(-?)(\d)(?:\.(\d{1,40}))?[eE]([+-]?\d{1,2})$/.exec(number);
  if (!parts) return number;
  const [, sign, whole, fraction = '', exponent] = parts;
  const digits = `${whole}${fraction}`;
  const point = 1 + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return `${sign}${digits}${'0'.repeat(point - digits.length)}`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

async function* lines({ stream }: Source): AsyncGenerator<{ text: string; line: number }> {
  let line = 1;
  let rest = '';
  for await (const chunk of stream.setEncoding('utf8') as AsyncIterable<string>) {
    const texts = `${rest}${chunk}`.split('\n');
    rest = texts.pop()!;
    for (const text of texts) {
      yield { text: withoutMark(text, line), line };
      line++;
    }
    if (rest.length > LONGEST) {
      throw new Unusable(`it is longer than ${LONGEST} characters; these are no JSON lines`, line);
    }
  }
  yield { text: withoutMark(rest, line), line };
}

const withoutMark = (text: string, line: number): string =>
  line === 1 && text.startsWith('\ufeff') ? text.slice(1) : text;
