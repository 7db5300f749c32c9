import { setTimeout as sleep } from 'node:timers/promises';
import { packageVersion } from '../config.js';
import { ClaireError, fromPostgres } from '../errors/index.js';
import { machineFacts, serverFacts } from './machine.js';
import { openPlace, type Place } from './place.js';
import { type Report, rounded } from './report.js';
import { sizeText } from './sizes.js';
import { Undo } from './undo.js';
import type { Workload, WorkloadResult } from './workload.js';

export interface BenchProgress {
  workload: string;
  /** Which of them, from 0, and of how many. */
  at: number;
  of: number;
  what: string;
  done: number | undefined;
  total: number | undefined;
}

export interface BenchOptions {
  workloads: readonly Workload[];
  /** Sorted, at least one. */
  rows: readonly number[];
  runs: number;
  /** A server to make databases on; undefined: one of our own. */
  databaseUrl: string | undefined;
  signal: AbortSignal;
  onProgress(progress: BenchProgress): void;
  /** What is measured so far, after each workload: what took an hour outlives the failure of the next. */
  onReport(report: Report): Promise<void>;
  /** Told in a sentence what the user should know. */
  onNotice(sentence: string): void;
}

/** A start of our own server cannot be cut off, and takes two seconds. */
const PATIENCE_MS = 20_000;
const LOOK_MS = 500;

/**
 * Runs workloads and undoes all that they made, however they end.
 * @throws ClaireError of a workload that failed; the signal's reason where it was aborted.
 */
export async function runBench(options: BenchOptions): Promise<Report> {
  const undo = new Undo();
  const opened: { place?: Place } = {};
  const work = measure(options, undo, opened);
  const aborted = untilAborted(options.signal);
  // A statement that is cut off may fail where nobody waits for it any more, which would end the process before the end.
  const ignore = () => {};
  try {
    return await Promise.race([work, aborted.promise]);
  } catch (error) {
    process.on('unhandledRejection', ignore);
    await cutOff(work, opened);
    throw options.signal.aborted ? options.signal.reason : asClaireError(error);
  } finally {
    aborted.forget();
    for (const { error, remains } of await undo.run()) {
      if (remains !== undefined) options.onNotice(`This remains: ${remains}. ${messageOf(error)}`);
    }
    process.off('unhandledRejection', ignore);
  }
}

async function measure(options: BenchOptions, undo: Undo, opened: { place?: Place }): Promise<Report> {
  const { workloads, rows, runs, databaseUrl, signal } = options;
  const started = new Date();
  const place = await openPlace(databaseUrl, undo);
  opened.place = place;
  const facts = {
    machine: machineFacts(),
    server: await serverFacts(place.admin, place.server !== undefined),
  };
  const results: WorkloadResult[] = [];
  const report = (): Report =>
    rounded({
      version: packageVersion(),
      command: commandOf(options),
      started_at: started.toISOString(),
      seconds: Math.round((Date.now() - started.getTime()) / 1000),
      ...facts,
      rows: [...rows],
      runs,
      results,
    });
  let last = report();
  for (const [at, workload] of workloads.entries()) {
    const onProgress = (what: string, done?: number, total?: number) => {
      if (signal.aborted) return;
      options.onProgress({ workload: workload.name, at, of: workloads.length, what, done, total });
    };
    signal.throwIfAborted();
    onProgress('');
    results.push(await workload.run({ place, rows, runs, signal, onProgress }));
    signal.throwIfAborted();
    last = report();
    await options.onReport(last);
  }
  return last;
}

function untilAborted(signal: AbortSignal) {
  let abort = () => {};
  const promise = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
  });
  return { promise, forget: () => signal.removeEventListener('abort', abort) };
}

/**
 * Ends what is under way and waits until the work has noticed: what is removed while somebody still makes it would
 * come back. Again and again, because the work may have connected anew.
 */
async function cutOff(work: Promise<unknown>, opened: { place?: Place }): Promise<void> {
  const ended = work.then(
    () => true,
    () => true,
  );
  const cuts: Promise<void>[] = [];
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
    // Not awaited: a server that does not answer must not keep us.
    if (opened.place) cuts.push(opened.place.cut().catch(() => {}));
    if (await Promise.race([ended, sleep(LOOK_MS, false)])) {
      // One that comes late would cut what is undone after this.
      await Promise.race([Promise.all(cuts), sleep(PATIENCE_MS, undefined, { ref: false })]);
      return;
    }
  }
}

/** Workloads use the bare driver too, whose errors are its own. */
function asClaireError(error: unknown): unknown {
  const isServers =
    error instanceof Error && ('severity' in error || /^Connection terminated/.test(error.message));
  return isServers ? fromPostgres(error) : error;
}

const messageOf = (error: unknown): string =>
  error instanceof ClaireError ? error.message : String((error as Error).message ?? error);

function commandOf({ workloads, rows, runs, databaseUrl }: BenchOptions): string {
  const names = workloads.map(({ name }) => name).join(' ');
  // The connection string itself may hold a password.
  const where = databaseUrl === undefined ? '' : ' --database-url …';
  return `claire bench ${names} --rows ${rows.map(sizeText).join(',')} --runs ${runs}${where}`;
}
