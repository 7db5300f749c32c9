import { z } from 'zod';
import { toArrayText } from '../database/index.js';
import { orderIdFor } from '../domain/ids.js';
import { SIDES } from '../domain/vocabulary.js';
import { ClaireError } from '../errors/index.js';
import type { Decided as Found } from './batch.js';
import { defineWrite } from './define.js';
import { flag, id, out, price, quantity, time } from './fields.js';
import type { Context } from './operation.js';
import { outcomeShape, type Recorded } from './outcomes.js';

export const DECISIONS = ['opening', 'closing', 'rejected', 'direct'] as const;

/** What was decided, with the numbers of that moment. */
export const decisionRow = z.object({
  order_id: out.text,
  signal_id: out.text.nullable(),
  symbol: out.text,
  side: z.enum(SIDES),
  decision: z.enum(DECISIONS).meta({
    description:
      'opening and closing placed a PENDING order, rejected a REJECTED one; direct: placed without decide',
  }),
  reduces: z
    .boolean()
    .meta({ description: 'It closes what is open on the other side; no limit is asked then' }),
  quantity: out.decimal,
  price: out.decimal.nullable().meta({
    description:
      'Price that it was valued at: the limit price, else that of the signal; to sell the higher of both',
  }),
  notional: out.decimal.nullable().meta({ description: 'quantity × price' }),
  reason: out.text
    .nullable()
    .meta({ description: 'Why it was rejected; of a direct order what stood against it' }),
  broken: z
    .array(out.text)
    .meta({ description: 'Every limit that stood against it, in the order of precedence' }),
  details: out.json.nullable().meta({ description: 'The numbers of the refusal, as in its risk event' }),
  limits_version: out.count.nullable().meta({
    description: 'Version of the limits by which it was decided; null where there was nothing to decide by',
  }),
  exposure: out.decimal.nullable().meta({ description: 'Gross exposure before it, PENDING orders included' }),
  position: out.decimal.nullable().meta({ description: 'The same of its symbol' }),
  open_trades: out.count.nullable().meta({ description: 'Open trades before it, PENDING openings included' }),
  daily_pnl: out.decimal
    .nullable()
    .meta({ description: 'Realized profit of the day, where a drawdown is limited' }),
  timestamp: out.time.meta({ description: 'Market time at which it was decided' }),
});

const COLUMNS = Object.keys(decisionRow.shape);

export const decideInput = z
  .strictObject({
    signal_id: id('recorded signal'),
    order_id: id('order that it becomes; follows from the signal where it is left out').optional(),
    quantity: quantity.nullish(),
    notional: price
      .nullish()
      .meta({ description: 'Value wanted instead of a quantity, which then follows from the price' }),
    price: price.nullish().meta({ description: 'Limit price; leave it out for a MARKET order' }),
    at: time
      .nullish()
      .meta({ description: 'Market time of the decision; now where it is left out. A replay gives its own' }),
    close_opposed: flag(
      'Against a position the order closes all of it, whatever was wanted; else only an order that is not larger closes',
    ),
  })
  .refine((wanted) => (wanted.quantity == null) !== (wanted.notional == null), {
    message: 'give quantity or notional, one of them',
    path: ['quantity'],
  });

type Wanted = z.output<typeof decideInput>;
export type Decision = Recorded & z.output<typeof decisionRow>;

const idOf = ({ order_id, signal_id }: Wanted) => order_id ?? orderIdFor(signal_id);

interface Answer extends z.output<typeof decisionRow> {
  answered: 'recorded' | 'already_recorded' | 'conflict' | 'signal_unknown';
  differing: string[];
}

async function statement({ database, book }: Context, wanted: readonly Wanted[]): Promise<Found[]> {
  const array = (of: (item: Wanted) => string | number | boolean | null | undefined) =>
    toArrayText(wanted.map(of));
  const answers = await database.query<Answer>(
    `select outcome as answered, differing, ${COLUMNS.map((column) => `(decided).${column}`).join(', ')}
     from ${book}.decide_orders(
       $1::text[], $2::text[], $3::numeric[], $4::numeric[], $5::numeric[], $6::bigint[], $7::boolean[]
     ) order by place`,
    [
      array(idOf),
      array((item) => item.signal_id),
      array((item) => item.quantity),
      array((item) => item.notional),
      array((item) => item.price),
      array((item) => item.at),
      array((item) => item.close_opposed),
    ],
  );
  return answers.map((answer, at) => settled(wanted[at]!, answer));
}

function settled(wanted: Wanted, { answered, differing, ...decision }: Answer): Found {
  const of = { id: idOf(wanted) };
  if (answered === 'signal_unknown') {
    const found = `There is no signal ${wanted.signal_id}.`;
    return new ClaireError('signal_unknown', { law: 'orders_signal_id_fkey', found, details: of });
  }
  if (answered === 'conflict') return { ...of, outcome: 'conflict', fields: differing };
  return { ...of, outcome: answered, ...decision } as Found;
}

export const { one: decide, many: decideAll } = defineWrite<typeof decideInput, Decision>(
  'Decides a signal against the limits: it becomes a PENDING order, or a REJECTED one with its reason and risk event.',
  decideInput,
  { what: 'decision', ids: ['order_id', 'signal_id'], idOf, statement },
  outcomeShape.extend(decisionRow.partial().shape),
);
