import { z } from 'zod';
import { type Write, writeBatch, writeOne } from './batch.js';
import { gather } from './gather.js';
import type { Operation } from './operation.js';
import { type Outcome, outcomeShape, type Recorded } from './outcomes.js';

type One<Item extends z.ZodType> = Operation<Item, Recorded>;
type Many<Item extends z.ZodType> = Operation<z.ZodArray<Item>, Outcome[]>;

/** A write as two operations of one description: one item that throws, and a batch whose outcomes are data. */
export function defineWrite<Item extends z.ZodType>(
  summary: string,
  item: Item,
  write: Write<z.output<Item>>,
): { one: One<Item>; many: Many<Item> } {
  return {
    one: {
      summary,
      kind: 'write',
      input: item,
      result: outcomeShape,
      run: (context, input) => writeOne(context, write, input),
      gathered: (context) => gather(context, write),
    },
    many: {
      summary: `${summary.replace(/\.$/, '')}, for a batch: one outcome an item, in order; a bad item does not fail the others.`,
      kind: 'batch',
      input: z.array(item),
      result: outcomeShape,
      run: (context, inputs) => writeBatch(context, item as z.ZodType<z.output<Item>>, write, inputs),
    },
  };
}
