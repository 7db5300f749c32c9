import { pipeline, type TransformOptions } from 'node:stream';
import { CsvError, type Options, parse } from 'csv-parse';
import type { Columns, Row } from './columns.js';
import { readJson } from './json.js';
import { LONGEST, requireUtf8, type Source, Unusable } from './source.js';

interface Line {
  record: string[];
  info: { lines: number; bytes: number };
}

/**
 * Rows of a source whose header names the fields. An empty cell is a field that was left out; a JSON column holds text.
 * @throws Unusable naming the line; the rows before it have been yielded.
 */
export async function* readCsv(source: Source, columns: Columns): AsyncGenerator<Row> {
  let header: Header | undefined;
  let short: Unusable | undefined;
  let broken: CsvError | undefined;
  let last = { lines: 0, bytes: 0 };
  const onBroken = (error: CsvError) => {
    broken ??= error;
    // The one after which nothing could be told from the rest, however much there is.
    if (error.code === 'CSV_MAX_RECORD_SIZE') throw error;
  };
  try {
    for await (const { record, info } of lines(source, onBroken)) {
      if (broken && info.lines > lineOf(broken, last.lines)) break;
      // That something follows tells a line that lacks columns from a file that was cut off.
      if (short) throw short;
      const begin = last.bytes;
      last = info;
      if (!header) {
        header = toHeader(record, info.lines, columns);
        continue;
      }
      const width = header.length;
      const found = `${record.length} columns where ${width} belong`;
      if (record.length > width) throw new Unusable(`${found}; a comma in a cell wants quotes`, info.lines);
      if (record.length < width) short = new Unusable(found, info.lines);
      else yield toRow(header, record, info.lines, info.bytes - begin);
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    broken ??= error;
  }
  if (broken) throw new Unusable(PROBLEMS[broken.code] ?? broken.message, lineOf(broken, last.lines), broken);
  if (short) throw new Unusable(`${short.message}: the file was cut off; get it again`, short.line);
  if (!header) throw new Unusable(`it is empty; its first line names columns of ${columns.names.join(',')}`);
}

function lines({ stream }: Source, onBroken: (error: CsvError) => void): AsyncIterable<Line> {
  const options: Options & Pick<TransformOptions, 'readableHighWaterMark'> = {
    bom: true,
    info: true,
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: LONGEST,
    // An error of the parser would take with it the lines before that nobody has read yet: it is told of instead,
    skip_records_with_error: true,
    on_skip: (error) => {
      onBroken(error as CsvError);
      return undefined;
    },
    // and where it must end, nothing waits in it any more.
    readableHighWaterMark: 1,
  };
  // Its error reaches the one who reads the lines.
  return pipeline(stream, parse(options), () => {});
}

type Header = readonly { name: string; isJson: boolean }[];

function toHeader(names: readonly string[], line: number, columns: Columns): Header {
  const known = columns.names.join(', ');
  const unknown = names.find((name) => !columns.names.includes(name));
  if (unknown !== undefined) {
    const shown = JSON.stringify(unknown.slice(0, 60));
    throw new Unusable(
      `there is no column ${shown}; take it out or rename it: the header holds some of ${known}`,
      line,
    );
  }
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined)
    throw new Unusable(`the column ${twice} is there twice; take one of them out`, line);
  const missing = columns.required.filter((name) => !names.includes(name));
  if (missing.length > 0)
    throw new Unusable(`every row needs ${missing.join(', ')}; add what is missing`, line);
  return names.map((name) => ({ name, isJson: columns.json.includes(name) }));
}

function toRow(header: Header, cells: readonly string[], line: number, size: number): Row {
  const fields: Row['fields'] = {};
  for (const [at, { name, isJson }] of header.entries()) {
    const cell = cells[at]!;
    if (cell === '') continue;
    requireUtf8(cell, line);
    fields[name] = isJson ? readJson(cell, line, name) : cell;
  }
  return { line, size, fields };
}

const PROBLEMS: Record<string, string> = {
  CSV_MAX_RECORD_SIZE: `it is longer than ${LONGEST} characters: a quote is not closed, or this is no CSV file`,
  CSV_QUOTE_NOT_CLOSED: 'a quote is not closed: the file was cut off, or a quote in a cell is not doubled',
  CSV_INVALID_CLOSING_QUOTE: 'a quote in a quoted cell is not doubled',
  INVALID_OPENING_QUOTE:
    'a quote stands in a cell without quotes; quote the cell, and double the quotes in it',
};

/** Where to look. A quote that is not closed is noticed at the end of the file only: there it is where the record began. */
const lineOf = (error: CsvError, last: number): number =>
  ['CSV_MAX_RECORD_SIZE', 'CSV_QUOTE_NOT_CLOSED'].includes(error.code) ? last + 1 : Number(error.lines);
