import { ClaireError, EXIT } from '../../errors/index.js';
import { operations } from '../../operations/index.js';
import { parseInput } from '../../operations/operation.js';
import {
  type Coverage,
  dueNow,
  RETAINED,
  type Retained,
  retentionState,
  runRetention,
} from '../../upkeep/index.js';
import { backupOptions, backupSettings } from '../backups.js';
import { type AddCommand, defineCommand, type Invocation, option } from '../command.js';
import { coverageOf } from '../coverage.js';
import { DURATIONS, durationGiven } from '../moments.js';
import { progress } from '../progress.js';
import { dueText, runsText, stateText, termText } from '../retention-text.js';
import { connectTo, type Place, withBook, withPlace } from '../session.js';
import { readCommand } from './reads.js';

/** The pool of who may remove what is due, of a book that is there. */
async function keeperOf({ globals }: Invocation, place: Place) {
  await connectTo(place, globals.book, 'claire_upkeep').then((claire) => claire.close());
  return place.database('claire_upkeep');
}

async function covered(invocation: Invocation, place: Place): Promise<Coverage | undefined> {
  const { backups } = await backupSettings(invocation);
  return coverageOf(place.database('postgres'), backups, invocation.globals.book);
}

const show = defineCommand({
  usage: 'show',
  summary: 'How long each table is kept, what is due by that, and how the last runs ended.',
  options: [...backupOptions()],
  examples: [['retention show', 'horizons, what is due now, and of that what a verified backup holds']],
  async run(invocation) {
    const { globals, out } = invocation;
    const state = await withPlace(invocation, async (place) => {
      const [keeper, coverage] = [await keeperOf(invocation, place), await covered(invocation, place)];
      return keeper.session((session) => retentionState(session, globals.book, coverage));
    });
    out.answer({ book: globals.book, ...state }, () => stateText(state));
    return undefined;
  },
});

const run = defineCommand({
  usage: 'run',
  summary:
    'Removes what is past its horizon and named by nothing that stays, in small steps beside the services.',
  details:
    'A signal stays while an order names it, an order while a trade names it, is PENDING or reserves. With an order go\n' +
    'its decision, its states, and its signal. Nothing goes that the newest verified backup does not hold. Cut it off\n' +
    'when you like: the next run goes on from there. `claire up` does this every hour.',
  options: [
    option('--dry-run', 'say exactly what would go, and touch nothing'),
    option('--ids', 'with --dry-run: the ids as well'),
    option('--table <tables...>', 'only of these').choices([...RETAINED]),
    option('--without-backup', 'also what no backup holds; this is recorded'),
    ...backupOptions(),
  ],
  examples: [
    ['retention run --dry-run', 'what would go, by table'],
    ['retention run', 'removes it'],
    ['retention run --table candles --without-backup', 'candles alone, which come from elsewhere'],
  ],
  async run(invocation) {
    const { options, signal } = invocation;
    const isDry = options.dryRun === true;
    if (options.ids && !isDry)
      throw new ClaireError('usage_invalid', { found: '--ids goes with --dry-run.' });
    const withoutBackup = options.withoutBackup === true;
    return withPlace(
      invocation,
      async (place) => {
        const keeper = await keeperOf(invocation, place);
        const coverage = withoutBackup ? undefined : await covered(invocation, place);
        if (!coverage && !withoutBackup) throw new ClaireError('retention_without_backup');
        const scope = { tables: options.table as Retained[] | undefined, coverage, withoutBackup };
        if (isDry) await tell(invocation, keeper, scope);
        else await remove(invocation, keeper, scope);
        return signal.aborted ? EXIT.interrupted : EXIT.ok;
      },
      { direct: true, endsItself: true },
    );
  },
});

type Keeper = Awaited<ReturnType<typeof keeperOf>>;
type Chosen = Pick<Parameters<typeof runRetention>[2], 'tables' | 'coverage' | 'withoutBackup'>;

async function tell({ globals, options, out }: Invocation, keeper: Keeper, scope: Chosen): Promise<void> {
  const ids = options.ids === true;
  const due = await keeper.session((session) => dueNow(session, globals.book, { ...scope, ids }));
  out.answer({ book: globals.book, backup: scope.coverage?.name ?? null, due }, () =>
    [
      'This would go:',
      dueText(due),
      ...due.flatMap(({ table, ids }) => (ids?.length ? ['', `${table}:`, ...ids] : [])),
    ].join('\n'),
  );
}

async function remove(invocation: Invocation, keeper: Keeper, scope: Chosen): Promise<void> {
  const { globals, out, signal } = invocation;
  const bar = progress('retention');
  const runs = await keeper
    .session((session) =>
      runRetention(session, globals.book, {
        ...scope,
        ...{ signal, searches: 'always', vacuums: true },
        onProgress: ({ table, removed }) => bar.update(removed, undefined, `${table} removed`),
      }),
    )
    .finally(() => bar.end());
  out.answer({ book: globals.book, backup: scope.coverage?.name ?? null, runs }, () => runsText(runs));
}

const DAY = 86_400;
const FOREVER = 'forever';

const set = defineCommand({
  usage: 'set <table> <term>',
  summary: operations.setHorizon.summary,
  details:
    `TABLE is ${RETAINED.join(', ')}. TERM is a length of time (${DURATIONS}) or \`${FOREVER}\`. It counts from when a\n` +
    'row was recorded, not from market time. Trades are kept for ever, and with them the orders and signals they name.',
  options: [
    option('--reason <text>', 'why, in words for people').makeOptionMandatory(),
    option('--under-a-day', 'a term of less than a day is meant'),
  ],
  examples: [
    ['retention set signals 60d --reason "two months of tuning"', 'signals that led to nothing stay longer'],
    [`retention set candles ${FOREVER} --reason "we pay for them"`, 'they never leave'],
  ],
  async run(invocation) {
    const { globals, options, out } = invocation;
    const [table, term] = invocation.args as [string, string];
    if (table === 'trades') throw new ClaireError('retention_of_trades');
    const input = {
      table: table as Retained,
      keep_seconds: secondsOf(term, options.underADay === true),
      reason: options.reason as string,
    };
    parseInput(operations.setHorizon.input, input);
    const [before, version] = await withBook(invocation, 'claire_operator', async (claire) => {
      const [before] = await claire.horizons({ table: input.table });
      return [before!, (await claire.setHorizon(input)).version] as const;
    });
    const changed = before.version !== version;
    out.answer({ book: globals.book, ...input, version, changed }, () =>
      changed
        ? `Rows of ${table} are kept ${kept(input.keep_seconds)} (before: ${kept(before.keep_seconds)}). \`claire retention run --dry-run\` says what is due by that.`
        : `Nothing changed: rows of ${table} are kept ${kept(before.keep_seconds)} already.`,
    );
    return undefined;
  },
});

const kept = (seconds: number | null) => (seconds === null ? 'for ever' : `for ${termText(seconds)}`);

/** @throws ClaireError input_invalid, retention_horizon_short */
function secondsOf(term: string, isShort: boolean): number | null {
  if (term === FOREVER) return null;
  const duration = durationGiven(term);
  if (duration === undefined)
    throw new ClaireError('input_invalid', {
      found: `A term is ${DURATIONS}, or ${FOREVER}; found ${term}.`,
    });
  if (duration < DAY * 1000 && !isShort)
    throw new ClaireError('retention_horizon_short', { found: `${term} was given.` });
  return duration / 1000;
}

const runs = readCommand('retentionRuns', {
  usage: 'runs',
  examples: [['retention runs --table signals --limit 24', 'what the last day removed of the signals']],
  rows: 'runs',
  hidden: ['id', 'actor', 'started_at'],
  sparse: true,
});

export const retention: AddCommand = (parent, runtime) => {
  const group = parent
    .command('retention')
    .summary('What leaves the record, and when: shows, runs, sets it.');
  group.description(
    'Removes rows that are past their horizon and that nothing names that stays. Trades stay for ever, with all they name.',
  );
  for (const add of [show, run, set, runs]) add(group, runtime);
};
