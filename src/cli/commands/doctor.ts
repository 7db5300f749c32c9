import { setTimeout as sleep } from 'node:timers/promises';
import { type Diagnosis, diagnose, fix, type Report } from '../../doctor/index.js';
import { ClaireError, EXIT, type ExitCode } from '../../errors/index.js';
import { backupOptions } from '../backups.js';
import { defineCommand, type Invocation, option } from '../command.js';
import { confirm } from '../confirm.js';
import { diagnosisText, doctorText, remedyText, statementsText, summaryLine } from '../doctor-text.js';
import { progress } from '../progress.js';
import { type Place, withPools } from '../session.js';
import { surroundingsOf } from '../surroundings.js';
import { visitRunning } from '../visit.js';

/** How often `--watch` looks: the doctor takes under a second of one connection. */
const WATCH_MS = 5000;

export const doctor = defineCommand({
  usage: 'doctor',
  summary:
    'Asks everything that a person would have to know and type at night, and names the remedy. Starts nothing.',
  details:
    'Each check is a question with a threshold: ok, warn, fail, or skipped with what is missing to ask it. It reads only, on one\n' +
    'connection, waits for no lock and reads no table from end to end. Exits 1 if a check fails. Where statements that\n' +
    'can lose nothing mend it, --fix CHECK says them, asks, runs them and looks again.',
  options: [
    option('--watch', 'look again every 5 seconds until Ctrl-C; in a pipe, say what has changed'),
    option('--fix <check>', 'run the remedy of a check; it says what it runs, and asks'),
    option('--yes', 'do not ask before --fix runs something'),
    ...backupOptions().slice(0, 1),
  ],
  examples: [
    ['doctor', 'every check, what is worst at the end'],
    ['doctor --json', 'the same for a program, with the evidence of each'],
    ['doctor --watch', 'during an incident'],
    ['doctor --fix invalid_indexes', 'says what it would run, and asks'],
  ],
  async run(invocation) {
    const { globals, options } = invocation;
    if (options.watch && options.fix !== undefined)
      throw new ClaireError('usage_invalid', { found: '--watch and --fix exclude each other.' });
    const work = (place: Place) =>
      options.fix !== undefined
        ? mend(invocation, place)
        : options.watch
          ? watch(invocation, place)
          : once(invocation, place);
    if (globals.databaseUrl !== undefined) return withPools({ url: globals.databaseUrl }, globals.book, work);
    const done = await visitRunning(globals.data, (visited) => withPools(visited, globals.book, work));
    if (done === undefined)
      throw new ClaireError('database_url_missing', { found: `No server runs on ${globals.data}.` });
    return done;
  },
});

async function look(invocation: Invocation, place: Place): Promise<Report> {
  const bar = progress('asking');
  try {
    return await diagnose(place.database('postgres'), invocation.globals.book, {
      ...surroundingsOf(invocation, place),
      onCheck: ({ check }, done, total) => bar.update(done, total, check),
    });
  } finally {
    bar.end();
  }
}

const codeOf = ({ counts }: Report): ExitCode => (counts.fail > 0 ? EXIT.broken : EXIT.ok);

async function once(invocation: Invocation, place: Place): Promise<ExitCode> {
  const report = await look(invocation, place);
  invocation.out.answer(report, () => doctorText(report));
  return codeOf(report);
}

/** On a terminal the report stands still and is drawn anew; in a pipe a line says what has changed, and when. */
async function watch(invocation: Invocation, place: Place): Promise<ExitCode> {
  const { signal, out } = invocation;
  const isScreen = process.stdout.isTTY && !out.json;
  let last: Report | undefined;
  while (!signal.aborted) {
    const report = await look(invocation, place);
    if (isScreen) process.stdout.write('\x1b[2J\x1b[3J\x1b[H');
    if (out.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    else if (isScreen || !last) out.say(doctorText(report));
    else for (const line of changesOf(last, report)) out.say(line);
    last = report;
    await sleep(WATCH_MS, undefined, { signal }).catch(() => {});
  }
  return last ? codeOf(last) : EXIT.ok;
}

function changesOf(before: Report, now: Report): string[] {
  const was = new Map(before.checks.map(({ check, result }) => [check, result]));
  const changed = now.checks.filter(({ check, result }) => was.get(check) !== result);
  const time = new Date(now.at_ms).toISOString();
  return changed.length === 0
    ? []
    : [...changed.map((one) => `${time} ${diagnosisText(one)}`), summaryLine(now)];
}

async function mend(invocation: Invocation, place: Place): Promise<ExitCode> {
  const { options, globals, out } = invocation;
  const name = options.fix as string;
  const bar = progress('running');
  const done = await fix(place.database('postgres'), globals.book, name, {
    ...surroundingsOf(invocation, place),
    confirm: (before, statements) => approve(invocation, before, statements),
    onStatement: (statement, at, total) => bar.update(at, total, statement),
  }).finally(() => bar.end());
  const { before, ran, after } = done;
  out.answer(done, () =>
    ran.length === 0
      ? `${diagnosisText(before)}\nThere is nothing to mend.`
      : [`Run:\n${statementsText(ran)}`, diagnosisText(after)].join('\n'),
  );
  return after.result === 'fail' ? EXIT.broken : EXIT.ok;
}

async function approve(
  invocation: Invocation,
  before: Diagnosis,
  statements: readonly string[],
): Promise<void> {
  if (invocation.options.yes) return;
  const question = `${before.sentence}\n${remedyText({ fix: statements }, before.check)}\nTo run it, type ${before.check}`;
  await confirm(invocation, { question, name: before.check, refusal: 'doctor_not_fixed' });
}
