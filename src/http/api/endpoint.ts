import type { z } from 'zod';
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
  /** Rows with the cursor of what follows, or the value. */
  answer(call: Call): Promise<unknown>;
}
