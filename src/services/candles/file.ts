import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { CsvError, parse } from 'csv-parse';
import type { Milliseconds } from '../../domain/time.js';
import { ClaireError } from '../../index.js';
import type { Candle } from './candle.js';
import { type Layout, recogniseLayout } from './layouts.js';
import { toCandle } from './row.js';
import { symbolOf } from './symbol.js';

export interface ReadOptions {
  /** Told after each line how many bytes of the file are behind it. */
  onBytes?: (bytes: number) => void;
}

interface Line {
  record: string[];
  info: { bytes: number; lines: number };
}

/**
 * Reads candles from a CSV file, one at a time, whatever its size. The header is `timestamp,open,high,low,close,volume`
 * (Unix milliseconds), `date,open,high,low,close,adjclose,volume` (days, UTC), or none where the lines are the
 * 12 columns that exchanges publish (milliseconds or microseconds). The symbol comes from the name: see `symbolOf`.
 * @throws ClaireError candle_file_invalid naming the line; the candles before it have been yielded.
 */
export async function* readCandles(file: string, options: ReadOptions = {}): AsyncGenerator<Candle> {
  const symbol = symbolOf(file);
  await requireFile(file);
  let layout: Layout | undefined;
  let previous: Milliseconds | undefined;
  let line = 1;
  try {
    let short: RangeError | undefined;
    for await (const { record, info } of lines(file)) {
      // That something follows tells a line that lacks columns from a file that was cut off.
      if (short) throw short;
      line = info.lines;
      if (!layout) {
        const recognised = recogniseLayout(record);
        layout = recognised.layout;
        if (!recognised.headerless) continue;
      }
      const missing = layout.columns.length - record.length;
      if (missing !== 0) {
        short = new RangeError(`${record.length} columns where ${layout.columns.length} belong`);
        if (missing > 0) continue;
        throw short;
      }
      const candle = toCandle(symbol, layout, record, previous);
      previous = candle.timestamp;
      options.onBytes?.(info.bytes);
      yield candle;
    }
    if (short) throw new RangeError(`${short.message}: the file was cut off; get it again`);
    if (!layout) throw new RangeError('the file is empty; get it again');
    if (previous === undefined) throw new RangeError('no candle follows the header; get the file again');
  } catch (error) {
    throw invalid(file, line, error);
  }
}

async function* lines(file: string): AsyncGenerator<Line> {
  const stream = createReadStream(file);
  const parser = parse({
    bom: true,
    info: true,
    // A quote is no part of a number: taken as text it is found where it stands, and cannot swallow lines.
    quote: null,
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true,
    skip_empty_lines: true,
    // The longest line of candles has 300 characters; without a bound, rubbish without a line end fills the memory.
    max_record_size: 4096,
  });
  stream.on('error', (error) => parser.destroy(error));
  try {
    yield* stream.pipe(parser) as AsyncIterable<Line>;
  } finally {
    stream.destroy();
  }
}

async function requireFile(file: string): Promise<void> {
  const found = await stat(file).then(
    (stats) =>
      stats.isFile() ? undefined : stats.isDirectory() ? 'this is a directory' : 'this is not a file',
    (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? 'there is no such file' : error.message),
  );
  if (!found) return;
  throw new ClaireError('candle_file_invalid', {
    found: `${file}: ${found}; give the path of a CSV file.`,
    details: { file },
  });
}

function invalid(file: string, line: number, error: unknown): unknown {
  if (error instanceof RangeError) {
    return new ClaireError('candle_file_invalid', {
      found: `${file}, line ${line}: ${error.message}.`,
      details: { file, line },
      cause: error,
    });
  }
  if (error instanceof CsvError) {
    const at = typeof error.lines === 'number' ? error.lines : line + 1;
    return new ClaireError('candle_file_invalid', {
      found: `${file}, line ${at}: the line is longer than a candle can be; this is not a CSV file of candles.`,
      details: { file, line: at },
      cause: error,
    });
  }
  const system = error as NodeJS.ErrnoException;
  if (typeof system.syscall !== 'string') return error;
  return new ClaireError('candle_file_invalid', {
    found: `${file}: it cannot be read (${system.code}); see whether the disk and the rights are in order.`,
    details: { file },
    cause: error,
  });
}
