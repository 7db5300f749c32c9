import { z } from 'zod';
import { flag, out, reason, time } from './fields.js';
import type { Operation } from './operation.js';
import { ID } from './page.js';
import { defineRead } from './read.js';

const row = z.object({
  id: out.rowId,
  action: z.enum(['halt', 'resume']),
  cause: z.enum(['hand', 'drawdown']).meta({ description: 'By somebody, or by the circuit breaker itself' }),
  reason: out.text,
  actor: out.text.meta({ description: 'Login that did it, or whose trade tripped the breaker' }),
  timestamp: out.time,
  until: out.time.nullable().meta({ description: 'Market time at which the halt ends by itself' }),
  despite_limit: z.boolean().meta({ description: 'Resumed although the drawdown was over its limit' }),
  details: out.json.nullable(),
  created_at: out.time,
});

export const halts = defineRead({
  summary: 'Halts and resumptions, newest first, with who and why.',
  from: 'halts',
  row,
  expressions: { id: 't.id::text' },
  filters: {},
  where: {},
  order: { direction: 'desc', keys: [ID] },
});

type Halt = z.output<typeof row>;

const at = time.optional().meta({ description: 'Market time; now where it is left out' });

const stateInput = z.strictObject({ at });
const state = z.object({
  halted: z.boolean(),
  halt: row.nullable().meta({ description: 'The halt in force' }),
  exposure: out.decimal.meta({ description: 'Gross exposure of the open trades' }),
  reserved: out.decimal.meta({ description: 'Value that PENDING openings reserve beside it' }),
  open_trades: out.count.meta({ description: 'Open trades and PENDING openings' }),
  limits_version: out.count,
});

/** Whether trading is halted, and what is held. */
export const riskState: Operation<typeof stateInput, z.output<typeof state>> = {
  summary: 'Whether trading is halted, by whom and why, and what counts toward the limits.',
  kind: 'read',
  input: stateInput,
  result: state,
  async run({ database, book }, { at }) {
    const halt = Object.keys(row.shape).map((column) => (column === 'id' ? 'h.id::text' : `h.${column}`));
    const [found] = await database.query<Halt & Omit<z.output<typeof state>, 'halted' | 'halt'>>(
      `select ${halt.join(', ')}, held.*
       from ${book}.halt_gate as g
       left join ${book}.halts as h
         on h.id = g.halt_id and (h.until is null or h.until > coalesce($1::bigint, ${book}.now_ms()))
       cross join (select
         p.exposure, e.total - p.exposure as reserved, e.open_trades,
         (select max(version) from ${book}.limits) as limits_version
         from (
           select coalesce(sum(total_value_usd), 0) as exposure from ${book}.position_sums
         ) as p, (
           select coalesce(sum(notional), 0) as total, coalesce(sum(num_trades), 0)::bigint as open_trades
           from ${book}.exposure_parts
         ) as e
       ) as held`,
      [at ?? null],
    );
    const { exposure, reserved, open_trades, limits_version, ...present } = found!;
    const halted = present.id !== null;
    return { halted, halt: halted ? present : null, exposure, reserved, open_trades, limits_version };
  },
};

const haltInput = z.strictObject({
  reason,
  at,
  until: time
    .optional()
    .meta({ description: 'Market time at which it ends by itself; until resumed where left out' }),
  cancel_pending: flag('Cancels every PENDING order too, with that reason'),
});
const halted = z.object({
  halt_id: out.rowId.meta({ description: 'The halt in force: this one, or the one that stood already' }),
  cancelled: z.array(out.text).meta({ description: 'Orders that were cancelled' }),
  not_cancelled: z.array(out.text).meta({
    description:
      'Orders that are PENDING still, because another session works on them; only in a transaction and over HTTP with a token, which wait for none of them',
  }),
});

export const halt: Operation<typeof haltInput, z.output<typeof halted>> = {
  summary: 'Halts trading: from its commit on no order increases risk. Closing orders and fills go on.',
  kind: 'write',
  input: haltInput,
  result: halted,
  async run({ database, book, inTransaction }, { reason, at, until, cancel_pending }) {
    const [row] = await database.query<{ halt_id: string }>(
      `select ${book}.halt_trading($1, $2, $3)::text as halt_id`,
      [reason, at ?? null, until ?? null],
    );
    if (!cancel_pending) return { ...row!, cancelled: [], not_cancelled: [] };
    // Alone the halt is committed by now, and every order can be waited for. In a transaction the risk row is held: who
    // holds an order's row may be waiting for it, and the halt itself waits for nobody's order.
    const cancelled = await database.query<{ order_id: string }>(
      `update ${book}.orders set status = 'CANCELLED', rejection_reason = $1
       where id in (
         select id from ${book}.orders where status = 'PENDING' order by id
         for no key update ${inTransaction ? 'skip locked' : ''}
       ) and status = 'PENDING'
       returning order_id`,
      [reason],
    );
    const left = inTransaction
      ? await database.query<{ order_id: string }>(
          `select order_id from ${book}.orders where status = 'PENDING' order by id`,
        )
      : [];
    return { ...row!, cancelled: idsOf(cancelled), not_cancelled: idsOf(left) };
  },
};

const idsOf = (orders: readonly { order_id: string }[]): string[] => orders.map(({ order_id }) => order_id);

const resumeInput = z.strictObject({
  reason,
  at,
  despite_limit: flag(
    'Also while the drawdown is over its limit; recorded, and valid for the rest of the day',
  ),
});
const resumed = z.object({ resumed: z.boolean().meta({ description: 'False where nothing was halted' }) });

export const resume: Operation<typeof resumeInput, z.output<typeof resumed>> = {
  summary: 'Ends a halt. Refused while the drawdown is over its limit, unless despite_limit is given.',
  kind: 'write',
  input: resumeInput,
  result: resumed,
  async run({ database, book }, { reason, at, despite_limit }) {
    const [row] = await database.query<z.output<typeof resumed>>(
      `select ${book}.resume_trading($1, $2, $3) is not null as resumed`,
      [reason, despite_limit, at ?? null],
    );
    return row!;
  },
};
