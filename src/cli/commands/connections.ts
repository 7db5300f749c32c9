import { BUDGET } from '../../database/index.js';
import {
  endIdle,
  endNamed,
  findIdle,
  findNamed,
  type IdleOptions,
  limitDatabase,
  lookAtConnections,
} from '../../doctor/index.js';
import { ClaireError, EXIT, type ExitCode } from '../../errors/index.js';
import { type AddCommand, defineCommand, type Invocation, option } from '../command.js';
import { confirm } from '../confirm.js';
import { connectionsReportText, idleText, leftText, namedText, REASONS } from '../connections-text.js';
import { DURATIONS, durationGiven } from '../moments.js';
import { counted } from '../print.js';
import { type Place, withPlace } from '../session.js';

const show = defineCommand({
  usage: 'connections',
  summary: `Who is connected, beside what is expected and the budget of ${BUDGET}; ends idle sessions.`,
  details:
    'Shows each application and role of the database: sessions that work, that are idle, and that are idle in a transaction,\n' +
    'with the longest time of one; then what each login of Claire may have, and what does not hold the budget. Sessions of\n' +
    "clients count, those of superusers too; the server's workers and replication do not.",
  examples: [
    ['connections', 'who holds the connections'],
    ['connections --json', 'the same for a program'],
    ['connections end --idle-for 10m', 'ends sessions that nobody uses'],
  ],
  async run(invocation) {
    const { globals, out } = invocation;
    const report = await withPlace(invocation, (place) =>
      lookAtConnections(place.database('postgres'), globals.book),
    );
    out.answer(report, () => connectionsReportText(report));
    return undefined;
  },
});

const end = defineCommand({
  usage: 'end',
  summary: 'Ends sessions of the database that have been idle for long, or one by its number.',
  details:
    'Only of this database and only of clients: never its own, replication, a worker, nor one that holds an advisory lock, as\n' +
    'a migration and the upkeep do. A pool of Claire replaces a connection that was ended without its caller noticing. With\n' +
    '--pid it ends that session, whatever it does: its transaction is rolled back. On a terminal it asks; elsewhere it wants\n' +
    '--yes. Ends with 4 where the login may not end one of them.',
  options: [
    option('--idle-for <duration>', `what has been idle for this long: ${DURATIONS}`),
    option('--in-transaction', 'also what is idle in a transaction, which is rolled back'),
    option('--pid <number>', 'this session, whatever it does'),
    option('--yes', 'do not ask'),
  ],
  examples: [
    ['connections end --idle-for 10m', 'asks first'],
    ['connections end --idle-for 1m --in-transaction --yes', 'in a script, forgotten transactions too'],
    ['connections end --pid 4711', 'the session that others wait for, as the doctor names it'],
  ],
  run(invocation) {
    const { idleFor, inTransaction, pid } = invocation.options;
    if ((pid === undefined) === (idleFor === undefined) || (pid !== undefined && inTransaction)) {
      throw new ClaireError('usage_invalid', {
        found: 'Give --idle-for, with --in-transaction or without, or --pid.',
      });
    }
    return pid === undefined ? endForLong(invocation) : endOne(invocation);
  },
});

async function endForLong(invocation: Invocation): Promise<ExitCode> {
  const { options, out } = invocation;
  const idleFor = durationGiven(options.idleFor as string);
  if (!idleFor)
    throw new ClaireError('input_invalid', {
      found: `--idle-for is one of ${DURATIONS}; found ${options.idleFor}.`,
    });
  const answer = await withPlace(invocation, (place) => endLong(invocation, place, idleFor / 1000));
  out.answer(answer, () =>
    [
      answer.ended.length === 0
        ? `No session was ended: none that may be has been idle for ${options.idleFor}.`
        : `${counted(answer.ended.length, 'session')} ended:\n${idleText(answer.ended)}`,
      ...(answer.left.length > 0 ? [leftText(answer.left)] : []),
    ].join('\n\n'),
  );
  return answer.left.some(({ reason }) => reason === 'no_right') ? EXIT.refused : EXIT.ok;
}

async function endLong(invocation: Invocation, place: Place, idleForSeconds: number) {
  const database = place.database('postgres');
  const options: IdleOptions = {
    idleForSeconds,
    inTransaction: invocation.options.inTransaction === true,
    except: [await ownPid(place)],
  };
  const { found, left } = await findIdle(database, options);
  if (found.length > 0 && !invocation.options.yes) {
    const question = `${idleText(found)}\nTo end ${found.length === 1 ? 'it' : 'them'}, type end`;
    await confirm(invocation, { question, name: 'end', refusal: 'connections_not_ended' });
  }
  const done = await endIdle(database, options, found);
  return { idle_for_seconds: idleForSeconds, ended: done.ended, left: [...left, ...done.left] };
}

/** Its number is another session's as soon as it is gone: what is ended is the one that was shown. */
async function endOne(invocation: Invocation): Promise<ExitCode> {
  const { options, out } = invocation;
  const pid = Number(options.pid);
  if (!Number.isInteger(pid) || pid < 1 || pid > MOST_PID) {
    throw new ClaireError('input_invalid', {
      found: `--pid is the number of a session; found ${options.pid}.`,
    });
  }
  const outcome = await withPlace(invocation, async (place) => {
    const database = place.database('postgres');
    if (pid === (await ownPid(place))) {
      throw new ClaireError('input_invalid', { found: `Session ${pid} is this command's own.` });
    }
    const found = await findNamed(database, pid);
    if (!found) return 'gone';
    if (found.may_end && !options.yes) {
      const question = `${namedText(found)}\nIts transaction is rolled back. To end it, type end`;
      await confirm(invocation, { question, name: 'end', refusal: 'connections_not_ended' });
    }
    return endNamed(database, found);
  });
  out.answer({ pid, outcome }, () =>
    outcome === 'ended'
      ? `Session ${pid} was ended.`
      : `Session ${pid} was not ended: ${outcome === 'gone' ? 'there is none of this number (any more)' : REASONS.no_right}.`,
  );
  return outcome === 'no_right' ? EXIT.refused : EXIT.ok;
}

/** Of an integer, as the server has it. */
const MOST_PID = 2_147_483_647;

async function ownPid(place: Place): Promise<number> {
  const [own] = await place.keeper.query<{ pid: number }>('select pg_backend_pid() as pid');
  return own!.pid;
}

const enforce = defineCommand({
  usage: 'enforce-budget',
  summary: `Gives the database a connection limit of ${BUDGET}, for whoever connects; takes it away with --off.`,
  details:
    'Each login of Claire has a limit of its own, whose sum is the budget. This holds everyone to it, other programs too.\n' +
    'A server refuses what is over its limit at once (53300): a pool of Claire waits and tries again, but a program that\n' +
    'shares the database without one fails. Superusers pass it. Sessions that are open stay open. It takes the owner of\n' +
    'the database.',
  options: [option('--off', 'no limit of the database')],
  examples: [
    ['connections enforce-budget', `at most ${BUDGET} sessions in this database`],
    ['connections enforce-budget --off', 'as before'],
  ],
  async run(invocation) {
    const limit = invocation.options.off ? null : BUDGET;
    const { database, before } = await withPlace(invocation, (place) =>
      limitDatabase(place.database('postgres'), limit),
    );
    invocation.out.answer({ database, connection_limit: limit, before }, () =>
      limit === null
        ? `Database ${database} has no connection limit any more (before: ${before ?? 'none'}).`
        : `Database ${database} takes ${limit} connections at most (before: ${before ?? 'none'}). What is over it fails at once instead of waiting, unless it comes from a pool of Claire.`,
    );
    return undefined;
  },
});

export const connections: AddCommand = (parent, runtime) => {
  const group = show(parent, runtime);
  for (const add of [end, enforce]) add(group, runtime);
};
