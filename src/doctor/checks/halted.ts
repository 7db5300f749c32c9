import { toIso } from '../../domain/time.js';
import { LIMITS, operations } from '../../operations/index.js';
import { defineCheck, ok, warn } from '../check.js';
import { commandFor } from './words.js';

/** What says how limits work and is none itself. */
const HOW = ['time_zone', 'enforce_halts', 'enforce_limits', 'breaker_halts'];
const AMOUNTS = (Object.keys(LIMITS) as (keyof typeof LIMITS)[]).filter((name) => !HOW.includes(name));

export const halted = defineCheck({
  name: 'halted',
  question: 'May orders increase risk?',
  threshold: 'Halted at all: whoever halted trading wants it, whoever waits for trades should know.',
  async examine({ session, book, schema }) {
    const context = {
      ...{ database: session, book: schema, inTransaction: true },
      attempt: <T>(work: () => Promise<T>) => work(),
    };
    const { halt, open_trades, exposure, reserved } = await operations.riskState.run(context, {});
    if (!halt) {
      const limits = await operations.limits.run(context, operations.limits.input.parse({}));
      const isLimited = limits.some((each) => AMOUNTS.some((name) => each[name] !== null));
      return ok(`Book ${book} is trading${isLimited ? ', within its limits' : '; no limit at all is set'}.`);
    }
    const by = halt.cause === 'drawdown' ? 'the circuit breaker' : halt.actor;
    const until = halt.until === null ? '' : `, until ${toIso(halt.until)}`;
    return warn(
      `Trading in book ${book} was halted by ${by} at ${toIso(halt.created_at)}${until}: ${halt.reason}`,
      [
        {
          ...{ halted_by: halt.actor, cause: halt.cause, reason: halt.reason },
          halted_at: toIso(halt.created_at),
          until: halt.until === null ? null : toIso(halt.until),
          ...{ open_trades, exposure, reserved },
        },
      ],
      {
        decide: `whether what halted it is over: then \`${commandFor(book, 'resume --reason "…"')}\`; until then closing orders and fills go on.`,
      },
    );
  },
});
