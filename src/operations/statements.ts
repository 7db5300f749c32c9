import type { Queryable } from '../database/index.js';
import { type Operations, operations } from './index.js';
import { type AnyOperation, bindOperation } from './operation.js';

export interface Statement {
  text: string;
  values?: readonly unknown[];
}

/**
 * The statements that an operation issues for an input, without issuing them: each is answered with no row. `book` is quoted.
 * @throws ClaireError input_invalid where the input is none of the operation's
 */
export async function statementsOf(
  name: keyof Operations,
  input: unknown,
  book: string,
): Promise<Statement[]> {
  const seen: Statement[] = [];
  const database: Queryable = {
    async query(text, values) {
      seen.push(values === undefined ? { text } : { text, values });
      return [];
    },
  };
  try {
    const context = { database, book, inTransaction: true, attempt: <T>(work: () => Promise<T>) => work() };
    await bindOperation(operations[name] as AnyOperation, context)(input);
  } catch (error) {
    // Whatever wants a row ends at the answer, with all that it asked by then.
    if (seen.length === 0) throw error;
  }
  return seen;
}
