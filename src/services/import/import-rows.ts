import { ClaireError, type ErrorCode, type Outcome } from '../../index.js';
import type { Columns, Row } from './columns.js';
import { readCsv } from './csv.js';
import { readJsonLines } from './json.js';
import { fileInvalid, type Source, Unusable } from './source.js';

/** A row that does not stand in the record as the file has it, and why. */
export interface Problem {
  line: number;
  id: string;
  code: ErrorCode;
  law?: string;
  message: string;
  remedy: string;
  /** Where something else is recorded under the id: what differs. */
  fields?: string[];
}

export interface ImportResult {
  /** False where it was ended by its signal. */
  finished: boolean;
  rows: number;
  recorded: number;
  already_recorded: number;
  conflict: number;
  refused: number;
}

export interface ImportOptions {
  source: Source;
  columns: Columns;
  /** Records rows and says what became of each, in order. */
  record(rows: Row['fields'][]): Promise<Outcome[]>;
  /** Fields that are the id of a row, where rows of other ids do not depend on it. */
  key?: readonly string[] | undefined;
  /** Told of rows that are refused or in conflict, in the order of the file. */
  onProblems(problems: Problem[]): Promise<void>;
  /** Told of what was sent so far, and of the bytes that it took in the source, about. */
  onProgress?(result: ImportResult, bytes: number): void;
  /** Ends the import between two batches. */
  signal: AbortSignal;
}

/** A statement of 1,000 signals takes about 20 ms; larger ones cost memory and bring nothing. */
const BATCH_ROWS = 1000;
/** Rows with much JSON: what is under way stays small beside the 150 MB that the process may take. */
const BATCH_BYTES = 1_000_000;

/**
 * Records the rows of a source in batches: while the server works on one, the next is read, checked and sent. A row waits
 * for every row before it that has its id, so that of two with one id the first counts; rows without a key, which change
 * what is there, wait for all before them. What is recorded stays: the same import again changes nothing.
 * @throws ClaireError import_file_invalid after the rows before the bad line were recorded, with their counts.
 */
export async function importRows(options: ImportOptions): Promise<ImportResult> {
  const { source, signal } = options;
  const result: ImportResult = {
    ...{ finished: false, rows: 0, recorded: 0, already_recorded: 0, conflict: 0, refused: 0 },
  };
  // Somebody may be waiting for a pipe that says nothing.
  const stop = () => void source.stream.destroy();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    await recordAll(options, result);
    result.finished = !signal.aborted;
    return result;
  } catch (error) {
    const { finished, ...counts } = result;
    const outcomes = outcomesOf(result).map(([name, count]) => `${count} ${name}`);
    throw fileInvalid(source.name, error, ` Rows before it: ${outcomes.join(', ')}.`, counts);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function recordAll(options: ImportOptions, result: ImportResult): Promise<void> {
  const { key, signal, onProgress } = options;
  let sent: Promise<void> = Promise.resolve();
  let ids = new Set<string>();
  try {
    for await (const { rows, bytes } of batchesOf(options)) {
      if (signal.aborted) break;
      const before = sent;
      const own = new Set(key ? rows.map(({ fields }) => key.map((name) => fields[name]).join(' ')) : []);
      if (!key || [...own].some((id) => ids.has(id))) await before;
      ids = own;
      sent = recordBatch(options, rows, before, result);
      // Whoever awaits it does so after the one before it.
      sent.catch(() => {});
      await before;
      onProgress?.(result, bytes);
    }
  } finally {
    await sent;
  }
}

/** Sends a batch, and counts its outcomes after those of the batch before it. */
async function recordBatch(
  { record, onProblems }: ImportOptions,
  rows: readonly Row[],
  before: Promise<void>,
  result: ImportResult,
): Promise<void> {
  const answer = record(rows.map(({ fields }) => fields));
  answer.catch(() => {});
  await before;
  const outcomes = await answer;
  for (const { outcome } of outcomes) result[outcome]++;
  result.rows += outcomes.length;
  const problems = outcomes.flatMap((outcome, at) => problemOf(rows[at]!.line, outcome) ?? []);
  if (problems.length > 0) await onProblems(problems);
}

function problemOf(line: number, outcome: Outcome): Problem | undefined {
  if (outcome.outcome === 'refused') {
    const { outcome: _, ...refusal } = outcome;
    return { line, ...refusal };
  }
  if (outcome.outcome !== 'conflict') return undefined;
  const { id, fields } = outcome;
  const { code, message, remedy } = new ClaireError('id_conflict', {
    found: `It differs in ${fields.join(', ')}.`,
  });
  return { line, id, code, message, remedy, fields };
}

interface Batch {
  rows: Row[];
  /** Of the source, with those before it. */
  bytes: number;
}

async function* batchesOf({ source, columns, signal }: ImportOptions): AsyncGenerator<Batch> {
  let rows: Row[] = [];
  let [bytes, begin] = [0, 0];
  let failure: unknown;
  try {
    for await (const row of source.format === 'csv' ? readCsv(source, columns) : readJsonLines(source)) {
      requireIds(row, columns);
      rows.push(row);
      bytes += row.size;
      if (rows.length < BATCH_ROWS && bytes - begin < BATCH_BYTES) continue;
      yield { rows, bytes };
      rows = [];
      begin = bytes;
    }
  } catch (error) {
    // The stream was taken away on purpose, and what was read of it is no whole batch.
    if (signal.aborted) return;
    failure = error;
  }
  if (rows.length > 0) yield { rows, bytes };
  if (failure) throw failure;
}

function requireIds({ fields, line }: Row, { ids }: Columns): void {
  const missing = ids.find((name) => fields[name] === undefined || fields[name] === null);
  if (missing === undefined) return;
  throw new Unusable(
    `${missing} is left out; without it a second import would record the row once more`,
    line,
  );
}

/** How many rows had which outcome, in words. */
export const outcomesOf = ({ recorded, already_recorded, conflict, refused }: ImportResult) =>
  [
    ['recorded', recorded],
    ['already recorded', already_recorded],
    ['in conflict', conflict],
    ['refused', refused],
  ] as const;
