import { z } from 'zod';
import { type Write, writeBatch, writeOne } from './batch.js';
import { gather } from './gather.js';
import type { Operation } from './operation.js';
import { type Outcome, outcomeShape, type Recorded } from './outcomes.js';

type One<Item extends z.ZodType, Done> = Operation<Item, Done>;
type Many<Item extends z.ZodType, Done> = Operation<z.ZodArray<Item>, (Exclude<Outcome, Recorded> | Done)[]>;

/**
 * A write as two operations of one description: one item that throws, and a batch whose outcomes are data. `Done` is the
 * outcome of an item that stands in the record, where its statement tells more than that.
 */
export function defineWrite<Item extends z.ZodType, Done extends Recorded = Recorded>(
  summary: string,
  item: Item,
  write: Write<z.output<Item>>,
  result: z.ZodType = outcomeShape,
): { one: One<Item, Done>; many: Many<Item, Done> } {
  return {
    one: {
      summary,
      kind: 'write',
      input: item,
      result,
      run: (context, input) => writeOne(context, write, input) as Promise<Done>,
      gathered: (context) => gather(context, write) as (input: z.output<Item>) => Promise<Done>,
    },
    many: {
      summary: `${summary.replace(/\.$/, '')}, for a batch: one outcome an item, in order; a bad item does not fail the others.`,
      kind: 'batch',
      input: z.array(item),
      result,
      run: (context, inputs) =>
        writeBatch(context, item as z.ZodType<z.output<Item>>, write, inputs) as Promise<
          (Exclude<Outcome, Recorded> | Done)[]
        >,
    },
  };
}
