import { z } from 'zod';
import { changes, flag, id, out, price, reason, symbol, time } from './fields.js';
import type { Operation } from './operation.js';
import { moment, number, words } from './page.js';
import { defineRead } from './read.js';

const limit = (description: string) => out.decimal.nullable().meta({ description });
const most = (description: string) => out.count.nullable().meta({ description });
const word = <Words extends readonly [string, ...string[]]>(words: Words, description: string) =>
  z.enum(words).nullable().meta({ description });
const ENFORCE = ['on', 'warn', 'off'] as const;

/** What may be set, by name; null is no limit. The one list of which documents and commands are made. */
export const LIMITS = {
  max_exposure: limit('Largest gross exposure: open trades at entry prices and PENDING openings'),
  max_position: limit('Largest gross exposure of a symbol; may be set for one symbol'),
  max_order_size: limit('Largest value of an opening order; may be set for one symbol'),
  max_open_trades: most('Largest number of open trades and PENDING openings'),
  max_orders_per_minute: most('Largest number of opening orders in 60 seconds'),
  max_drawdown: limit('Largest loss of a day, and of 24 hours, as a negative amount'),
  max_drawdown_pct: limit(
    'Largest loss of a day, and of 24 hours, in percent of the capital, below 0; the tighter of both counts',
  ),
  min_confidence: limit('Lowest confidence of a signal'),
  max_signal_age_ms: most('Oldest signal, in milliseconds'),
  time_zone: out.text.nullable().meta({ description: 'Zone in which a day begins, as Europe/Berlin' }),
  enforce_halts: word(
    ENFORCE,
    'What becomes of an order by plain SQL while trading is halted: refused (on), told (warn)',
  ),
  enforce_limits: word(
    ENFORCE,
    'What becomes of an order by plain SQL over a limit: refused (on), told (warn)',
  ),
  breaker_halts: word(
    ['until_resumed', 'until_next_day'],
    'How long the breaker halts when it trips by itself; a replay wants until_next_day',
  ),
} as const;

const version = out.count.meta({ description: 'Counts through the scopes: each change has its own' });
const row = z.object({
  version,
  symbol: out.text.nullable().meta({ description: 'Symbol that it is for; null: the whole book' }),
  ...LIMITS,
  reason: out.text,
  actor: out.text.meta({ description: 'Login that set it' }),
  created_at: out.time,
});

const filters = { symbol: symbol.optional() };
const where = { symbol: 'symbol = $' };

export const limits = defineRead({
  summary: 'The limits in force: one row for the book and one for each symbol with limits of its own.',
  from: 'limits_in_force',
  whole: true,
  row,
  filters,
  where,
  // The book's own row, which names no symbol, comes first.
  order: { direction: 'asc', keys: [{ by: `coalesce(symbol, '')`, type: 'text' }] },
});

export const limitsHistory = defineRead({
  summary: 'Every version of the limits, newest first, with who set it and why.',
  from: 'limits',
  row,
  filters,
  where,
  order: { direction: 'desc', keys: [number('version')] },
});

export const capital = defineRead({
  summary: 'Every version of the capital of which a drawdown is a percentage, newest first.',
  from: 'capital',
  row: z.object({
    version: out.count,
    amount: out.decimal,
    since: out.time.nullable().meta({ description: 'Market time from which on it holds; null: from ever' }),
    reason: out.text,
    actor: out.text,
    created_at: out.time,
  }),
  filters: {},
  where: {},
  order: { direction: 'desc', keys: [number('version')] },
});

const setInput = z.strictObject({
  changes: changes.meta({ description: 'Limits and their values, decimals as text; null takes one away' }),
  symbol: symbol.optional().meta({ description: 'For one symbol: max_position and max_order_size' }),
  new_symbol: flag('Nothing is recorded for the symbol yet, and that is right'),
  reason,
});
const versionSet = z.object({
  version: out.count.meta({ description: 'Version in force; the one before where nothing differs' }),
});

export const setLimits: Operation<typeof setInput, z.output<typeof versionSet>> = {
  summary: 'Sets limits as a new version, with who and why; what is not named stays.',
  kind: 'write',
  input: setInput,
  result: versionSet,
  async run({ database, book }, { changes, symbol, new_symbol, reason }) {
    const [row] = await database.query<{ version: number }>(
      `select ${book}.set_limits($1, $2, $3, $4) as version`,
      [changes, reason, symbol ?? null, new_symbol],
    );
    return row!;
  },
};

const capitalInput = z.strictObject({
  amount: price.meta({ description: 'Opening balance of a day, above 0' }),
  since: time
    .optional()
    .meta({ description: 'Market time from which on it holds; from ever where left out' }),
  reason,
});

export const setCapital: Operation<typeof capitalInput, z.output<typeof versionSet>> = {
  summary: 'Sets the capital of which a drawdown is a percentage, as a new version.',
  kind: 'write',
  input: capitalInput,
  result: versionSet,
  async run({ database, book }, { amount, since, reason }) {
    const [row] = await database.query<{ version: number }>(
      `select ${book}.set_capital($1, $2, $3) as version`,
      [amount, reason, since ?? null],
    );
    return row!;
  },
};

export const reservations = defineRead({
  summary: 'Orders that reserve, oldest first: PENDING ones, and filled ones whose trade never came.',
  from: 'reservations',
  row: z.object({
    order_id: out.text,
    signal_id: out.text.nullable(),
    symbol: out.text,
    side: out.text,
    status: out.text,
    decision: out.text,
    reduces: z.boolean(),
    quantity: out.decimal.meta({ description: 'Quantity that is still reserved' }),
    notional: out.decimal.nullable().meta({ description: 'Value that it takes of the limits' }),
    timestamp: out.time,
    created_at: out.time,
  }),
  filters: {
    symbol: symbol.optional(),
    until: time.optional().meta({ description: 'Time of recording up to which: those that grow old' }),
  },
  where: {
    symbol: 'symbol = $',
    until: `created_at < timestamp 'epoch' + $::bigint * interval '1 millisecond'`,
  },
  order: { direction: 'asc', keys: [moment('created_at'), words('order_id')] },
});

const releaseInput = z.strictObject({ order_id: id('order whose reservation goes'), reason });
const released = z.object({ order_id: out.text });

export const releaseReservation: Operation<typeof releaseInput, z.output<typeof released>> = {
  summary: 'Takes away what an order reserves that is no longer PENDING and whose trade will not come.',
  kind: 'write',
  input: releaseInput,
  result: released,
  async run({ database, book }, { order_id, reason }) {
    await database.query(`select ${book}.release_reservation($1, $2)`, [order_id, reason]);
    return { order_id };
  },
};
