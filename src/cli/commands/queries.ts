import { z } from 'zod';
import { operationSeries, operationUse, sampledOf, statementUse, type UseOrder } from '../../doctor/index.js';
import { ClaireError } from '../../errors/index.js';
import { time } from '../../operations/fields.js';
import { operations } from '../../operations/index.js';
import { parseInput } from '../../operations/operation.js';
import { defineCommand, type Invocation, option } from '../command.js';
import { MOMENTS, momentGiven } from '../moments.js';
import { queriesText, seriesText } from '../queries-text.js';
import { withPlace } from '../session.js';

const LIMIT = 20;
const input = z.strictObject({ since: time, limit: z.coerce.number().int().positive() });

export const queries = defineCommand({
  usage: 'queries',
  summary: 'How long operations and statements took: calls, quantiles, errors, share of the time.',
  details:
    'Operations are timed by the library in each service, from the call to its result, waiting for a connection included.\n' +
    'Statements are counted by the server (pg_stat_statements), by any client; misses are blocks that were not in its\n' +
    `memory, temp those of temporary files, both a call. Both are sampled once a minute while \`claire up\` runs. ${MOMENTS}`,
  options: [
    option('--since <time>', 'from when on').default('1h'),
    option('--most-time', 'first what took most time in all; so it is where nothing else is said'),
    option('--slowest', 'first what is slow: operations by p95, statements by their mean').conflicts(
      'mostTime',
    ),
    option('--by-service', 'the operations of each service by themselves').conflicts('operation'),
    option('--operation <name>', 'one operation over time instead, as `recordSignal`'),
    option('--limit <count>', 'lines of each table').default(String(LIMIT)),
  ],
  examples: [
    ['queries', 'where the time of the last hour went'],
    ['queries --since 15m --slowest', 'what is slow now'],
    ['queries --since 1d --operation recordSignal', 'its p95 over the day'],
  ],
  async run(invocation) {
    const { globals, options, out } = invocation;
    const { since, limit } = parseInput(input, {
      since: momentGiven(options.since as string),
      limit: options.limit,
    });
    if (options.operation !== undefined) return showSeries(invocation, options.operation as string, since);
    const order: UseOrder = options.slowest ? 'slowest' : 'most_time';
    const answer = await withPlace(invocation, async (place) => {
      const database = place.database('postgres');
      const sampled = await sampledOf(database);
      const asked = { since_ms: since, order, limit, by_service: options.byService === true };
      const isThere = sampled.since_ms !== null;
      return {
        ...{ book: globals.book, since_ms: since, sampled },
        operations: isThere ? await operationUse(database, globals.book, asked) : [],
        statements: isThere ? await statementUse(database, asked) : [],
      };
    });
    out.answer(answer, () => queriesText(answer));
    return undefined;
  },
});

async function showSeries(invocation: Invocation, operation: string, since: number): Promise<undefined> {
  const { globals, options, out } = invocation;
  if (!(operation in operations)) {
    const found = `There is no operation ${operation}; \`claire queries\` shows those that were called.`;
    throw new ClaireError('usage_invalid', { found });
  }
  if (options.slowest || options.mostTime)
    throw new ClaireError('usage_invalid', { found: '--operation is over time, in no other order.' });
  const steps = await withPlace(invocation, async (place) => {
    const database = place.database('postgres');
    const { since_ms } = await sampledOf(database);
    return since_ms === null ? [] : operationSeries(database, globals.book, operation, since);
  });
  out.answer({ book: globals.book, operation, since_ms: since, steps }, () =>
    seriesText(globals.book, operation, steps),
  );
  return undefined;
}
