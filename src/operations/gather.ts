import { ClaireError } from '../errors/index.js';
import { type Write, writeItems } from './batch.js';
import type { Context } from './operation.js';
import { type Recorded, settle } from './outcomes.js';

/** Statements of one verb that are on their way at the same time: while one commits, the next is being written. */
const STATEMENTS = 2;
/** Bounds of one statement: a batch of 1,000 takes about 15 ms, and more only makes the next call wait longer. */
const MOST_CALLS = 1000;
const MOST_CHARACTERS = 4_000_000;
/** Bounds of what waits. Whoever awaits their calls is far below; whoever does not would fill the memory. */
const MOST_WAITING = 10_000;
const MOST_WAITING_CHARACTERS = 64_000_000;

interface Call<Item> {
  id: string;
  item: Item;
  characters: number;
  resolve(recorded: Recorded): void;
  reject(error: unknown): void;
}

/**
 * A single write whose calls are gathered: a call leaves at once while no other is on its way; those that come
 * meanwhile leave together in the next statement, in order, each with its own outcome and its own error. So a commit is
 * paid for by all callers that wait for one, and a caller that awaits each call waits for nobody.
 * @throws ClaireError too_many_calls where more wait than memory should be spent on.
 */
export function gather<Item>(context: Context, write: Write<Item>): (item: Item) => Promise<Recorded> {
  const waiting: Call<Item>[] = [];
  /** A second call for an id waits for the first: of two statements nobody knows which comes first. */
  const idsUnderway = new Set<string>();
  let characters = 0;
  let underway = 0;
  let isDue = false;

  const depart = async (): Promise<void> => {
    const calls = takeFitting(waiting, idsUnderway);
    if (calls.length === 0) return;
    for (const call of calls) {
      characters -= call.characters;
      idsUnderway.add(call.id);
    }
    underway++;
    try {
      const results = await writeItems(
        context,
        write,
        calls.map(({ item }) => item),
      );
      for (const [at, { resolve, reject }] of calls.entries()) {
        try {
          resolve(settle(write.what, results[at]!));
        } catch (error) {
          reject(error);
        }
      }
    } catch (error) {
      for (const { reject } of calls) reject(error);
    } finally {
      for (const { id } of calls) idsUnderway.delete(id);
      underway--;
      if (waiting.length > 0 || calls.length > 1) departSoon();
    }
  };
  /** After the callers that were just answered had their turn: most of them come with their next call. */
  const departSoon = () => {
    if (isDue || underway >= STATEMENTS) return;
    isDue = true;
    setImmediate(() => {
      isDue = false;
      const before = waiting.length;
      void depart();
      if (waiting.length > 0 && waiting.length < before) departSoon();
    });
  };

  return (item) =>
    new Promise((resolve, reject) => {
      const size = charactersOf(item);
      const isTooMuch = waiting.length > 0 && characters + size > MOST_WAITING_CHARACTERS;
      if (waiting.length >= MOST_WAITING || isTooMuch) {
        const found = `${waiting.length} calls wait already to write a ${write.what}.`;
        reject(new ClaireError('too_many_calls', { found }));
        return;
      }
      waiting.push({ id: write.idOf(item), item, characters: size, resolve, reject });
      characters += size;
      if (underway === 0 && !isDue) void depart();
      else departSoon();
    });
}

/** Takes the calls of the next statement out of those that wait. Those whose id is on its way go on waiting. */
function takeFitting<Item>(waiting: Call<Item>[], idsUnderway: ReadonlySet<string>): Call<Item>[] {
  const taken: Call<Item>[] = [];
  const left: Call<Item>[] = [];
  let characters = 0;
  let at = 0;
  for (; at < waiting.length && taken.length < MOST_CALLS; at++) {
    const call = waiting[at]!;
    characters += call.characters;
    if (taken.length > 0 && characters > MOST_CHARACTERS) break;
    (idsUnderway.has(call.id) ? left : taken).push(call);
  }
  waiting.splice(0, at, ...left);
  return taken;
}

/** Near enough: what is long in an item is text. */
function charactersOf(item: unknown): number {
  let characters = 0;
  for (const value of Object.values(item as object))
    characters += typeof value === 'string' ? value.length : 8;
  return characters;
}
