import type { z } from 'zod';
import { identifier, type Queryable } from '../../database/index.js';
import { ClaireError } from '../../errors/index.js';
import { type Context, type Operations, operations, type Page } from '../../operations/index.js';
import { type AnyOperation, bindOperation } from '../../operations/operation.js';
import { tasks } from '../../upkeep/tasks.js';
import { type Ground, survey as lookAround } from './ground.js';
import { BESIDES, EXEMPT, PROFILES, subsetsOf } from './reads.js';
import { Recorder, type Seen } from './recorder.js';
import { surroundingsOf } from './tables.js';
import { BATCHES, ONCE, WRITES, type Write } from './writes.js';

type Name = keyof Operations;

/** Of many more items even a large table is rightly read whole. */
const BATCH = 20;
/** Of every read, and no filter. */
const PAGING = ['limit', 'after'];
const NAMES = Object.keys(operations) as Name[];

export interface SurveyOptions {
  /** Only these operations, without the upkeep. */
  only?: readonly Name[];
  /** Rows that reads are asked for; default: theirs. Fewer suit a small book, where a hundred are most of what there is. */
  limit?: number;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/**
 * Has every statement explained that the operations of the registry issue: reads with every subset of their filters,
 * writes one by one and in batches, with new rows and with rows that are there, and the upkeep. All in the transaction
 * that the caller has begun and will roll back.
 * @throws Error where an operation or a filter has no values to be tried with: it would go unseen
 */
export async function surveyPlans(
  session: Queryable,
  book: string,
  { only, limit, signal, onProgress }: SurveyOptions = {},
): Promise<Seen[]> {
  const quoted = identifier(book);
  const ground = await lookAround(session, quoted);
  const recorder = new Recorder(session, quoted, await surroundingsOf(session, quoted));
  const steps = (only ?? NAMES).flatMap((name) => stepsOf(name, ground, limit));
  if (!only) steps.push(...upkeepSteps(recorder, book));
  const unseen = contextOn(session, quoted, true);
  for (const [at, step] of steps.entries()) {
    signal?.throwIfAborted();
    onProgress?.(at, steps.length);
    recorder.asked = step.asked;
    await step.run(contextOn(recorder, quoted, step.inTransaction ?? false), unseen);
  }
  return recorder.seen;
}

interface Step {
  asked: string;
  inTransaction?: boolean;
  run(recorded: Context, unseen: Context): Promise<unknown>;
}

/** The recorder keeps its own savepoints. */
const contextOn = (database: Queryable, book: string, inTransaction: boolean): Context => ({
  ...{ database, book, inTransaction },
  attempt: (work) => work(),
});

const call = (name: Name, context: Context, input: unknown): Promise<unknown> =>
  bindOperation(operations[name] as AnyOperation, context)(input);

/** What is not there is asked for on purpose. */
const allowingNone = (error: unknown): void => {
  if (!(error instanceof ClaireError && error.code === 'not_found')) throw error;
};

function stepsOf(name: Name, ground: Ground, limit: number | undefined): Step[] {
  if (name in EXEMPT) return [];
  const operation = operations[name] as AnyOperation;
  const once = ONCE[name];
  if (once) return once(ground).map((input) => stepOf(name, input));
  if (operation.kind === 'read')
    return inputsOf(name, ground, limit).flatMap((input) => [stepOf(name, input), nextPage(name, input)]);
  const isBatch = operation.kind === 'batch';
  const isOf = (single: Name) => name === `${single}s` || name === `${single}All`;
  const single = isBatch ? NAMES.find((other) => WRITES[other] && isOf(other)) : name;
  const batch = BATCHES[name];
  const write = single ? WRITES[single] : batch && { item: batch };
  if (!write) throw missing(name, 'a write');
  return writeSteps(name, write, ground, isBatch);
}

const missing = (name: string, what: string) =>
  new Error(`src/bench/plans has no values for ${what} of ${name}: its statements would go unseen`);

const stepOf = (name: Name, input: unknown): Step => ({
  asked: `${name} ${JSON.stringify(input)}`,
  run: (recorded) => call(name, recorded, input).catch(allowingNone),
});

/** What follows the first row, of what has more: as much is left to be ordered as of the first page. */
const nextPage = (name: Name, input: object): Step => ({
  asked: `${name} ${JSON.stringify(input)}, the next page`,
  async run(recorded, unseen) {
    const first = await call(name, unseen, { ...input, ...(hasPages(name) && { limit: 1 }) }).catch(
      allowingNone,
    );
    const after = (first as Partial<Page<unknown>> | undefined)?.next;
    if (after) await call(name, recorded, { ...input, after });
  },
});

const hasPages = (name: Name): boolean => 'after' in (operations[name].input as z.ZodObject).shape;

/** Every subset of the filters, each input once. @throws Error where a filter has no value */
function inputsOf(name: Name, ground: Ground, limit: number | undefined): object[] {
  const profiles = PROFILES[name]?.(ground);
  if (!profiles) throw missing(name, 'the filters');
  const { shape } = operations[name].input as z.ZodObject;
  const filters = Object.keys(shape).filter((filter) => !PAGING.includes(filter));
  for (const profile of profiles) {
    const without = filters.filter((filter) => !(filter in profile));
    if (without.length > 0) throw missing(name, without.join(', '));
  }
  // Positions and exposure are asked for as a whole.
  const isLimited = limit !== undefined && shape.limit?.safeParse(undefined).data !== undefined;
  const subsets = profiles.flatMap(subsetsOf).map((subset) => (isLimited ? { ...subset, limit } : subset));
  const inputs = [...subsets, ...(BESIDES[name]?.(ground) ?? [])];
  return [...new Map(inputs.map((input) => [JSON.stringify(input), input])).values()];
}

/** New rows inside of a transaction, new ones outside, and those once more. */
function writeSteps(name: Name, { item, after }: Write, ground: Ground, isBatch: boolean): Step[] {
  const first = NAMES.indexOf(name) * 100;
  const ids = (from: number) => (isBatch ? Array.from({ length: BATCH }, (_, at) => from + at) : [from]);
  const inputOf = (all: number[]) => (isBatch ? all.map((id) => item(ground, id)) : item(ground, all[0]!));
  const send = (how: string, all: number[], inTransaction: boolean, prepare: boolean): Step => ({
    asked: `${name}, ${how}`,
    inTransaction,
    async run(recorded, unseen) {
      if (after && prepare) for (const id of all) await call(after.operation, unseen, after.item(ground, id));
      await call(name, recorded, inputOf(all));
    },
  });
  return [
    send('new, in a transaction', ids(first), true, true),
    send('new', ids(first + BATCH + 1), false, true),
    send('sent again', ids(first + BATCH + 1), false, false),
  ];
}

const upkeepSteps = (recorder: Recorder, book: string): Step[] =>
  tasks.map(({ name, run }) => ({
    asked: `upkeep: ${name}`,
    run: () => run(recorder, book, new AbortController().signal),
  }));
