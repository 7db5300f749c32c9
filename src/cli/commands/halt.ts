import { operations } from '../../operations/index.js';
import { parseInput } from '../../operations/operation.js';
import { type AddCommand, defineCommand, option } from '../command.js';
import { haltedText } from '../limits-text.js';
import { counted } from '../print.js';
import { withBook } from '../session.js';

const why = () => option('--reason <text>', 'why, in words for people').makeOptionMandatory();

/** How many cancelled orders people are named; programs are given all. */
const NAMED = 10;

export const halt: AddCommand = defineCommand({
  usage: 'halt',
  summary: operations.halt.summary,
  details: 'It holds until `claire resume`, over restarts too, and cancels nothing that it was not told to.',
  options: [
    why(),
    option('--cancel-pending', 'cancel every PENDING order too, with that reason'),
    option('--until <time>', 'market time at which it ends by itself: ISO 8601 with a zone, or milliseconds'),
  ],
  examples: [
    ['halt --reason "the exchange answers late"', 'no new risk from now on'],
    ['halt --cancel-pending --reason "wrong prices"', 'and what waits is cancelled'],
  ],
  async run(invocation) {
    const { options, globals, out } = invocation;
    const input = {
      reason: options.reason as string,
      cancel_pending: options.cancelPending === true,
      ...(options.until === undefined ? {} : { until: options.until as string }),
    };
    parseInput(operations.halt.input, input);
    const [before, answer, state] = await withBook(invocation, 'claire_operator', async (claire) => {
      const before = await claire.riskState();
      const answer = await claire.halt(input);
      return [before, answer, await claire.riskState()] as const;
    });
    const isNew = before.halt?.id !== answer.halt_id;
    out.answer({ book: globals.book, ...answer, changed: isNew }, () => {
      const { cancelled } = answer;
      const told = isNew ? `Book ${globals.book} is halted.` : `Book ${globals.book} was halted already:`;
      return [
        told,
        ...(state.halt ? [haltedText(state)] : []),
        ...(input.cancel_pending
          ? [`${counted(cancelled.length, 'order')} cancelled${named(cancelled)}`]
          : []),
      ].join('\n');
    });
    return undefined;
  },
});

function named(ids: readonly string[]): string {
  if (ids.length === 0) return '.';
  return `: ${ids.slice(0, NAMED).join(', ')}${ids.length > NAMED ? ', …' : ''}`;
}

export const resume: AddCommand = defineCommand({
  usage: 'resume',
  summary: operations.resume.summary,
  options: [
    why(),
    option(
      '--despite-limit',
      'also while the drawdown is over its limit; recorded, for the rest of that day',
    ),
  ],
  examples: [
    ['resume --reason "the exchange answers again"', 'ends the halt'],
    ['resume --despite-limit --reason "hedged elsewhere"', 'although the loss is over its limit'],
  ],
  async run(invocation) {
    const { options, globals, out } = invocation;
    const input = { reason: options.reason as string, despite_limit: options.despiteLimit === true };
    parseInput(operations.resume.input, input);
    const answer = await withBook(invocation, 'claire_operator', (claire) => claire.resume(input));
    out.answer({ book: globals.book, ...answer }, () =>
      answer.resumed
        ? `Book ${globals.book} trades again.`
        : `Nothing changed: book ${globals.book} was not halted.`,
    );
    return undefined;
  },
});
