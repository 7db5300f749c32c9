import type { z } from 'zod';
import { ClaireError } from '../errors/index.js';
import { type Context, inputError } from './operation.js';
import { isRefusal, type Outcome, type Recorded, refused, type Settled, settle } from './outcomes.js';

/** What one statement says of each item it was given, in the order given. `undecided` means: run it again. */
export type Decided = Settled | 'undecided';

export interface Write<Item> {
  /** What an item is called, in errors. */
  what: string;
  /** Fields that hold the id, for items that cannot be read. */
  ids: readonly string[];
  idOf(item: Item): string;
  /** Writes items, each with an id of its own, in one statement. Throws where a law refuses any of them. */
  statement(context: Context, items: readonly Item[]): Promise<Decided[]>;
}

export type Statement<Item> = Write<Item>['statement'];

/** How often a statement is run again because another session was about to write the same id. */
const ROUNDS = 20;

/** Writes a batch and tells what became of each item, in order. */
export async function writeBatch<Item>(
  context: Context,
  schema: z.ZodType<Item>,
  write: Write<Item>,
  inputs: readonly unknown[],
): Promise<Outcome[]> {
  const outcomes: Outcome[] = new Array(inputs.length);
  const places: number[] = [];
  const items: Item[] = [];
  for (const [at, input] of inputs.entries()) {
    const parsed = schema.safeParse(input);
    if (parsed.success) {
      places.push(at);
      items.push(parsed.data);
    } else {
      outcomes[at] = refused(idOfRaw(write.ids, input), inputError(parsed.error));
    }
  }
  const results = await writeItems(context, write, items);
  const failure = results.find((result) => result instanceof ClaireError && !isRefusal(result));
  if (failure) throw failure;
  for (const [index, result] of results.entries()) {
    outcomes[places[index]!] =
      result instanceof ClaireError ? refused(write.idOf(items[index]!), result) : result;
  }
  return outcomes;
}

/**
 * Writes items and gives what was found of each, in order: an error that is no refusal is that of the items whose
 * statement failed, since others may stand in the record by then. All go in one statement; where a law refuses it, the items
 * are halved until the refused ones stand alone, so good items pay for bad ones with a few statements more and never
 * with their own place in the record. An id that occurs twice goes into a second statement.
 */
export async function writeItems<Item>(
  context: Context,
  write: Write<Item>,
  items: readonly Item[],
): Promise<Settled[]> {
  if (items.length === 0) return [];
  if (new Set(items.map(write.idOf)).size === items.length) return halving(context, write, items);
  const results: Settled[] = new Array(items.length);
  for (const places of roundsOf(items.map(write.idOf))) {
    const round = await halving(
      context,
      write,
      places.map((at) => items[at]!),
    );
    for (const [index, at] of places.entries()) results[at] = round[index]!;
  }
  return results;
}

/** Places of the ids, those that occur for the first time together, then those for the second. */
function roundsOf(ids: readonly string[]): number[][] {
  const rounds: number[][] = [];
  const seen = new Map<string, number>();
  for (const [at, id] of ids.entries()) {
    const round = seen.get(id) ?? 0;
    seen.set(id, round + 1);
    rounds[round] ??= [];
    rounds[round].push(at);
  }
  return rounds;
}

/** Writes one item: resolves where it stands in the record, throws where it does not. */
export async function writeOne<Item>(context: Context, write: Write<Item>, item: Item): Promise<Recorded> {
  const [result] = await decided(context, write, [item]);
  return settle(write.what, result!);
}

async function halving<Item>(
  context: Context,
  write: Write<Item>,
  items: readonly Item[],
): Promise<Settled[]> {
  try {
    return await context.attempt(() => decided(context, write, items));
  } catch (error) {
    if (!(error instanceof ClaireError)) throw error;
    if (items.length === 1 || !isRefusal(error)) return items.map(() => error);
    const middle = items.length >> 1;
    const left = await halving(context, write, items.slice(0, middle));
    return left.concat(await halving(context, write, items.slice(middle)));
  }
}

async function decided<Item>(
  context: Context,
  write: Write<Item>,
  items: readonly Item[],
): Promise<Settled[]> {
  const results = await write.statement(context, items);
  for (let round = 1; results.includes('undecided'); round++) {
    if (round > ROUNDS) {
      throw new ClaireError('transaction_conflict', {
        found: `Another session writes the same ${write.what}.`,
      });
    }
    const open = results.flatMap((result, at) => (result === 'undecided' ? [at] : []));
    const again = await write.statement(
      context,
      open.map((at) => items[at]!),
    );
    for (const [index, at] of open.entries()) results[at] = again[index]!;
  }
  return results as Settled[];
}

function idOfRaw(ids: readonly string[], input: unknown): string {
  const fields = (input ?? {}) as Record<string, unknown>;
  const values = ids.map((id) => fields[id]).filter((value) => ['string', 'number'].includes(typeof value));
  return values.join(' ');
}
