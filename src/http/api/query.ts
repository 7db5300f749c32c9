import type { z } from 'zod';
import { parseJsonByDigits } from '../../database/index.js';
import { ClaireError } from '../../errors/index.js';
import { json } from '../../operations/fields.js';
import { innermost, isOf } from '../../operations/shapes.js';

/** A page is for somebody who waits: who wants more turns pages. */
const MOST_ROWS = 1000;

/** What is not of an operation: the book that is meant. */
export const BOOK = 'book';

type Query = Readonly<Record<string, unknown>>;

/**
 * The query as the input of an operation, whose schema says what is a number and what is not: in an address all is text.
 * @throws ClaireError input_invalid
 */
export function inputOf(schema: z.ZodObject, query: Query): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(query)) {
    if (name === BOOK) continue;
    const key = name === 'cursor' ? 'after' : name;
    const field = name === 'after' ? undefined : (schema.shape[key] as z.ZodType | undefined);
    if (!field || !Object.hasOwn(schema.shape, key)) throw refusal(name, 'there is no such parameter here');
    input[key] = fieldOf(name, field, textOf(name, value));
  }
  const limit = input.limit === undefined ? 0 : Number(input.limit);
  if (limit > MOST_ROWS) throw refusal('limit', `it is at most ${MOST_ROWS}; \`cursor\` turns pages`);
  return input;
}

/** One value, which is text. */
export function textOf(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw refusal(name, 'it is given once, as text');
}

function fieldOf(name: string, field: z.ZodType, text: string): unknown {
  if (isOf(field, json)) return jsonOf(name, text);
  const { type } = innermost(field);
  if (type === 'boolean' || type === 'literal') {
    if (text === 'true' || text === 'false') return text === 'true';
    throw refusal(name, 'true or false is wanted');
  }
  return type === 'number' && /^-?\d+$/.test(text) ? Number(text) : text;
}

function jsonOf(name: string, text: string): unknown {
  try {
    return parseJsonByDigits(text);
  } catch (cause) {
    throw refusal(name, 'it is not JSON', cause);
  }
}

export const refusal = (field: string, problem: string, cause?: unknown): ClaireError =>
  new ClaireError('input_invalid', {
    found: `${field}: ${problem}.`,
    details: { fields: [{ field, problem }] },
    cause,
  });
