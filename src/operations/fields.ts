import { z } from 'zod';
import { toJson } from '../database/index.js';
import { type DecimalInput, toDecimal } from '../domain/decimal.js';
import { EARLIEST, LATEST, type TimeInput, toMilliseconds } from '../domain/time.js';
import { ORDER_STATES, RISK_EVENT_TYPES, SIDES, TRADE_STATES } from '../domain/vocabulary.js';

/**
 * The kinds of fields that inputs are made of. They bring a value to the form in which it travels (decimal text,
 * milliseconds) and refuse what has no such form. What may be true of a row is for the database to decide.
 */

function converted<In, Out>(accepts: z.ZodType<In, In>, convert: (value: In) => Out, meta: z.GlobalMeta) {
  return accepts
    .transform((value, context): Out => {
      try {
        return convert(value);
      } catch (error) {
        context.issues.push({ code: 'custom', message: (error as Error).message, input: value });
        return z.NEVER;
      }
    })
    .meta(meta);
}

/** Anything passes here: the conversion refuses with a sentence that says what was found, NaN included. */
const decimalInput: z.ZodType<DecimalInput, DecimalInput> = z.custom<DecimalInput>();
const timeInput: z.ZodType<TimeInput, TimeInput> = z.custom<TimeInput>();

/** A decimal below 10^digits with at most `scale` decimals; a JS number counts by its shortest decimal form. */
const decimal = (digits: number, scale: number, description: string) =>
  converted(decimalInput, (value) => toDecimal(value, digits, scale), {
    type: ['string', 'number'],
    pattern: `^\\d{1,${digits}}(\\.\\d{1,${scale}})?$`,
    description,
  });

export const price = decimal(12, 8, 'Price as a decimal, above 0 and below 10^12, at most 8 decimals');
export const quantity = decimal(12, 8, 'Size as a decimal, above 0 and below 10^12, at most 8 decimals');
export const commission = decimal(12, 8, 'Commission paid, as a decimal; leave it out while it is unknown');
export const volume = decimal(18, 12, 'Volume as a decimal, at least 0');
/** Every double between 0 and 1 that is no dust fits: strategies compute confidences in floats. */
export const confidence = decimal(1, 32, 'Confidence as a decimal from 0 to 1');

export const time = converted(timeInput, toMilliseconds, {
  type: ['integer', 'string'],
  minimum: EARLIEST,
  exclusiveMaximum: LATEST,
  description: `Market time: Unix milliseconds (${EARLIEST} to ${LATEST}), a Date, or ISO 8601 with a zone`,
});

/** Text that arrives as it was sent: half a surrogate pair would become another character, so two ids one. */
const text = z
  .string()
  .min(1, 'it must not be empty')
  .refine(
    (value) => value.isWellFormed() && !value.includes('\0'),
    'it has characters that cannot be stored',
  );

export const id = (of: string) =>
  text.max(50).meta({ description: `Id of the ${of}, at most 50 characters` });

export const symbol = text
  .max(20)
  .meta({ description: 'Symbol as the exchange names it, at most 20 characters' });
export const side = z.enum(SIDES).meta({ description: 'BUY (long) or SELL (short)' });
export const orderStatus = z.enum(ORDER_STATES).meta({ description: 'State of the order' });
export const tradeStatus = z.enum(TRADE_STATES).meta({ description: 'OPEN or CLOSED' });
export const eventType = z.enum(RISK_EVENT_TYPES).meta({ description: 'Type of the risk event' });
export const reason = text.meta({ description: 'Why, in words for people' });
/** Asked of the prototype: a record of zod looks at every key again, which took half the time of checking a signal. */
const jsonObject = z.custom<Record<string, unknown>>(isPlainObject, 'a JSON object is wanted');

function isPlainObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** A JSON object, as its text from here on. */
export const json = converted(
  jsonObject as z.ZodType<Record<string, unknown>, Record<string, unknown>>,
  (value) => {
    const text = toJson(value);
    // What its toJSON makes of it may be something else.
    if (!text.startsWith('{')) throw new RangeError(`a JSON object is wanted, found ${text.slice(0, 60)}`);
    return text;
  },
  {
    type: 'object',
    description: 'JSON object; decimals that a float cannot hold go in as text or LosslessNumber',
  },
);
/** Decimals go in as text: a float would not hold them. */
export const changes = json.meta({ description: 'Columns and their right values; decimals as text' });

/** Text by which rows are found; any text may be asked for. */
export const named = (description: string) => text.optional().meta({ description });
export const table = z
  .enum(['signals', 'orders', 'trades', 'risk_events'])
  .meta({ description: 'Table of the row' });
/** BIGINT as text, as reads give it. */
export const rowNumber = z
  .string()
  .regex(/^\d{1,18}$/, 'the number of a row is wanted')
  .meta({ description: 'Number of the row in its table' });

export const flag = (description: string) => z.boolean().default(false).meta({ description });

const rows = z.coerce
  .number('a whole number is wanted')
  .int('a whole number is wanted')
  .min(1, 'it is at least 1');
export const limit = rows
  .max(10_000, 'it is at most 10000')
  .default(100)
  .meta({ description: 'Largest number of rows; 100 by default' });
/** For answers of which a part would be wrong: half of the positions is no exposure. */
export const noLimit = rows.optional().meta({ description: 'Largest number of rows; all by default' });

/** Fields as they are read back. */
export const out = {
  /** BIGINT as text: a name for the row, neither a clock nor a cursor. */
  rowId: z.string(),
  text: z.string(),
  decimal: z.string().meta({ description: 'Decimal as text' }),
  time: z.number().int().meta({ description: 'Unix milliseconds, UTC' }),
  count: z.number().int(),
  json: z.record(z.string(), z.unknown()),
} as const;
