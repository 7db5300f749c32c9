import { operations } from '../../operations/index.js';
import { parseInput } from '../../operations/operation.js';
import { type AddCommand, defineCommand, option } from '../command.js';
import { withBook } from '../session.js';
import { readCommand } from './reads.js';

const show = readCommand('reservations', {
  usage: 'list',
  flags: { until: '--older-than <duration>' },
  examples: [
    ['reservations list', 'what PENDING orders take of the limits'],
    ['reservations list --older-than 1d', 'orders that wait for longer than a day'],
  ],
  rows: 'reservations',
  hidden: ['signal_id', 'reduces', 'timestamp'],
});

const release = defineCommand({
  usage: 'release <order>',
  summary: operations.releaseReservation.summary,
  details: 'ORDER is the id of a FILLED order. One that is PENDING is cancelled, which releases it too.',
  options: [option('--reason <text>', 'why, in words for people').makeOptionMandatory()],
  examples: [
    ['reservations release ord-17 --reason "closed another trade with it"', 'the trade will not come'],
  ],
  async run(invocation) {
    const input = { order_id: invocation.args[0]!, reason: invocation.options.reason as string };
    parseInput(operations.releaseReservation.input, input);
    const answer = await withBook(invocation, 'claire_operator', (claire) =>
      claire.releaseReservation(input),
    );
    invocation.out.answer(answer, () => `Order ${answer.order_id} reserves nothing any more.`);
    return undefined;
  },
});

export const reservations: AddCommand = (parent, runtime) => {
  const group = parent
    .command('reservations')
    .summary('What orders reserve of the limits until their trade stands: lists, releases it.');
  group.description('Lists and releases what orders reserve of the limits until their trade stands.');
  for (const add of [show, release]) add(group, runtime);
};
