import type { z } from 'zod';
import type { Queryable } from '../database/index.js';
import { ClaireError } from '../errors/index.js';

/** Where an operation works: a pool or a transaction, and the book as a quoted schema name. */
export interface Context {
  database: Queryable;
  /** Quoted, ready for SQL. */
  book: string;
  /** Whether statements belong to a transaction, which one that fails would end. */
  inTransaction: boolean;
  /** Runs work whose failure leaves an enclosing transaction whole: there it gets a savepoint. */
  attempt<T>(work: () => Promise<T>): Promise<T>;
}

/** A verb, described once: the library, the command, HTTP and the reference are made from it. */
export interface Operation<Input extends z.ZodType, Result> {
  /** One sentence for the reference and for --help. */
  summary: string;
  /** A batch checks its items one by one, so that a bad one is an outcome and not an error of the call. */
  kind: 'read' | 'write' | 'batch';
  input: Input;
  /** Shape of a row or of the single answer, for the reference. */
  result: z.ZodType;
  run(context: Context, input: z.output<Input>): Promise<Result>;
  /** A way to run it by which single calls that meet leave in one statement; absent where each is one of its own. */
  gathered?(context: Context): (input: z.output<Input>) => Promise<Result>;
}

/** The operation on a context, taking input that was not checked yet. Calls of a transaction are not gathered. */
export function bindOperation(
  operation: AnyOperation,
  context: Context,
): (input: unknown) => Promise<unknown> {
  if (operation.kind === 'batch') {
    return async (input) => {
      if (!Array.isArray(input)) throw new ClaireError('input_invalid', { found: 'A batch is an array.' });
      return operation.run(context, input);
    };
  }
  const run =
    (!context.inTransaction && operation.gathered?.(context)) || ((input) => operation.run(context, input));
  return async (input) => run(parseInput(operation.input, input ?? {}));
}

// biome-ignore lint/suspicious/noExplicitAny: a registry holds operations of every shape; each is exact on its own.
export type AnyOperation = Operation<any, any>;

/** Checks an input against its schema. Throws input_invalid naming each field and what was found there. */
export function parseInput<Input extends z.ZodType>(schema: Input, input: unknown): z.output<Input> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw inputError(result.error);
}

export function inputError(error: z.ZodError): ClaireError {
  const fields = error.issues.map((issue) => ({ field: issue.path.join('.'), problem: issue.message }));
  return new ClaireError('input_invalid', {
    found: fields.map(({ field, problem }) => `${field || 'input'}: ${problem}.`).join(' '),
    details: { fields },
  });
}
