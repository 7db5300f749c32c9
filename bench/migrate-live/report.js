/** The document as a person reads it. */
import { table } from '../../dist/cli/print.js';
import { PHASES } from './statistics.js';
import { SCANS } from './writers.js';

const ms = (value) => (value === undefined ? '' : value.toFixed(value < 10 ? 2 : 0));
const times = (value) => (value === undefined ? '' : value.toFixed(2));
const cut = (text, width) => (text.length > width ? `${text.slice(0, width - 1)}…` : text);
const indent = (text) => text.replace(/^(?=.)/gm, '  ');

export function head(document) {
  const { rows, server, machine, writers } = document;
  const counts = Object.entries(rows).map(([name, count]) => `${count.toLocaleString('en-US')} ${name}`);
  const { server_version, ...settings } = server;
  const listed = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  const mix = Object.entries(writers.mix).map(([kind, count]) => `${kind} ${count / 10}`);
  return [
    `migrate-live: from a hand-made ${document.start}, ${document.traps ? 'some rows of it wrong' : 'no row of it wrong'}`,
    `PostgreSQL ${server_version}: ${listed.join(', ')}`,
    `${machine.cores} cores (${machine.cpu}), Node ${machine.node}`,
    `${counts.join(', ')}; loaded in ${document.load_seconds.toFixed(0)} s`,
    `${writers.connections} connections begin ${writers.rate} transactions a second, however long they take; in %: ${mix.join(', ')}`,
    `Times in ms. ${SCANS.join(', ')} read a whole table on 1.0, for want of an index.`,
    `Again: ${document.command}`,
    '',
  ].join('\n');
}

export function way(result) {
  const { migration, summary, star, waits, verified, bars } = result;
  const parts = [
    `${result.way}: ${migration.command}`,
    ended(result),
    ...(migration.failed.length > 0
      ? ['Of its statements failed:', indent(failedSteps(migration.failed))]
      : []),
    ...(result.hindered ? [hindered(result.hindered)] : []),
    '',
    phases(summary),
    '',
    kinds(summary),
    '',
    `Transactions began late by at most ${PHASES.map((phase) => `${ms(summary.late[phase].max) || '–'} ms ${phase}`).join(', ')}.`,
    `Pauses of this bench itself: at most ${ms(result.pause_ms)} ms.`,
    failures(summary),
    `Prepared select * on one kept connection: ${star.executed} executed, ${star.failed} failed${list(star.by_table)}.`,
    '',
    'Slowest client statement of each step of the migration (by key, then over a whole table):',
    indent(slowest(summary.slowest)),
    '',
    waits.length === 0
      ? `Lock waits: none seen in ${result.looks} looks, ten a second.`
      : 'Longest lock wait behind each statement:',
    ...(waits.length === 0 ? [] : [indent(lockWaits(waits))]),
    '',
    verification(verified),
    `Bars: ${bars.map(({ name, found, holds }) => `${name}: ${found}, ${holds ? 'holds' : 'MISSED'}`).join('; ')}.`,
    '',
  ];
  return parts.join('\n');
}

function ended({ migration, seconds }) {
  const lines = [`ended with ${migration.exit} after ${seconds.toFixed(1)} s`];
  if (migration.exit === 0) return lines[0];
  return [`${lines[0]}; it said:`, indent(migration.errors || '(nothing)')].join('\n');
}

const failedSteps = (failed) =>
  failed.map(({ statement, message }) => `${cut(statement, 90)}: ${message}`).join('\n');

const hindered = (sessions) =>
  [
    'Hindered by:',
    ...sessions.map(({ name, pid, seconds, lines }) => {
      const named =
        lines.length === 0 ? 'which it did not name' : `named ${lines.length} times, first: ${lines[0]}`;
      return `  ${name} (process ${pid}) for ${seconds} s, ${named}`;
    }),
  ].join('\n');

const phases = ({ all, by_key, scans }) =>
  table(
    ['statements', 'phase', 'run', 'median', 'p95', 'p99', 'max', 'during/before'],
    Object.entries({ all, 'by key': by_key, 'whole table': scans }).flatMap(([name, of]) =>
      PHASES.map((phase, at) => [
        at === 0 ? name : '',
        phase,
        String(of[phase].count),
        ...['median', 'p95', 'p99', 'max'].map((what) => ms(of[phase][what])),
        phase === 'during' ? times(of.ratio) : '',
      ]),
    ),
  );

const kinds = (summary) =>
  table(
    ['kind', 'run', 'median before', 'during', 'after', 'during/before', 'max before', 'during', 'after'],
    Object.entries(summary.kinds).map(([kind, of]) => [
      kind,
      String(PHASES.reduce((sum, phase) => sum + of[phase].count, 0)),
      ...PHASES.map((phase) => ms(of[phase].median)),
      times(of.ratio),
      ...PHASES.map((phase) => ms(of[phase].max)),
    ]),
  );

function failures({ failed }) {
  if (failed.length === 0) return 'Failed statements of clients that name their columns: 0.';
  const lines = failed.map(({ count, kind, code, message }) => `${count} × ${kind}: ${code} ${message}`);
  return ['Failed statements of clients that name their columns:', ...lines.map((line) => `  ${line}`)].join(
    '\n',
  );
}

const list = (counts) => {
  const entries = Object.entries(counts);
  return entries.length === 0 ? '' : ` (${entries.map(([name, count]) => `${name} ${count}`).join(', ')})`;
};

const slowest = (statements) =>
  table(
    ['ms', 'at s', 'kind', 'seen waiting for', 'step'],
    statements.map((statement) => [
      ms(statement.ms),
      statement.at_seconds.toFixed(1),
      statement.kind,
      cut(statement.waited_for.join(', '), 60),
      cut(statement.steps[0] ?? '', 60),
    ]),
  );

const lockWaits = (waits) =>
  table(
    ['waited', 'ms', 'looks', 'blocked by', 'its statement'],
    waits
      .slice(0, 15)
      .map(({ waited, longest_ms, looks, blocker, state, blocking }) => [
        waited,
        ms(longest_ms),
        String(looks),
        state === 'active' ? blocker : `${blocker} (${state})`,
        cut(blocking, 90),
      ]),
  );

function verification({ checks, profit, corrections, quarantine }) {
  const wrong = checks.filter(({ holds }) => !holds);
  const lines = [
    wrong.length === 0
      ? `Verified: ${checks.length} checks hold (rows, checksums of the old rows, acknowledged writes, profit).`
      : `Verified: ${wrong.length} of ${checks.length} checks do NOT hold:`,
    ...wrong.map(({ name, expected, actual }) => `  ${name}: expected ${expected}, found ${actual}`),
    `Profit of the old closed trades: ${profit.before.sum} before, ${profit.after.sum} after.`,
  ];
  if (corrections) lines.push(`Corrections recorded${list(corrections.kinds) || ': none'}.`);
  if (Object.keys(quarantine).length > 0) lines.push(`In quarantine${list(quarantine)}.`);
  return lines.join('\n');
}
