import type { z } from 'zod';
import type { Deadline } from '../../database/index.js';
import type { Caller } from './access.js';

/** A request that was let in. */
export interface Call {
  caller: Caller;
  book: string;
  query: Readonly<Record<string, unknown>>;
  params: Readonly<Record<string, string>>;
  body?: unknown;
  /** Of the header `Idempotency-Key`. */
  key?: string;
  /** When it has to be answered. */
  deadline: Deadline;
}

/** An answer that was written already, whole. */
export class AnswerText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** One address: all that is known of it, and what it does. Routes and their description are made from it. */
export interface Endpoint {
  method: 'GET' | 'POST';
  /** As the framework writes it: `/v1/why/:id`. */
  path: string;
  summary: string;
  /** Parameters of the path and of the query. */
  query?: z.ZodObject;
  /** What the body may be: an object, an array. */
  one?: z.ZodType;
  many?: z.ZodType;
  answers: 'rows' | 'value';
  /** A row, or the single value. */
  result: z.ZodType;
  /** After it a token may hold no more. */
  revokesTokens?: true;
  /** Rows with the cursor of what follows, or the value; or all of it, written. */
  answer(call: Call): Promise<unknown>;
  /** How an answer becomes text, where that is not the language's way. */
  write?: (answer: unknown) => string;
}

/** Rows are rows wherever they come from, one value is one value. `at_ms`: of a read, when it was asked. */
export function answerOf(found: unknown, at_ms?: number): object {
  const at = at_ms === undefined ? {} : { at_ms };
  if (!Array.isArray(found)) return { value: found, ...at };
  if (at_ms === undefined) return { rows: found };
  return { rows: found, next: (found as { next?: string | null }).next ?? null, ...at };
}
