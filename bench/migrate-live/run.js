/** One way on a fresh copy of the loaded database: writers before, during and after it. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { hinder, linesNaming } from './hinder.js';
import { LockWaits } from './lock-waits.js';
import { connect } from './place.js';
import { SelectStar } from './select-star.js';
import { summarise } from './statistics.js';
import { verify } from './verify.js';
import { claireWay, seedWay } from './ways.js';
import { MIX, Writers } from './writers.js';

const CONNECTIONS = 8;
const RATE = 200;
/** Connections, caches and the copied files come to rest; not counted. */
const SETTLE_MS = 3000;
/** Longest time to work off what waited for the migration. */
const CATCH_UP_MS = 120_000;
/** The bar of the longest client statement. */
const LONGEST_MS = 250;

export const WRITERS = { connections: CONNECTIONS, rate: RATE, mix: MIX };

export async function runWay(name, { place, options, rows, before, say, undo }) {
  const url = await place.create(name, 'loaded');
  // Else the copy's checkpoint falls into the first measured seconds.
  await place.admin.query('checkpoint');
  const waits = new LockWaits();
  const star = new SelectStar();
  const writers = new Writers({ url, connections: CONNECTIONS, rate: RATE, trades: rows.trades });
  undo.add(() => Promise.all([waits.cut(), star.cut(), writers.cut()]));
  await Promise.all([waits.start(url), star.start(url), writers.start()]);
  const delay = monitorEventLoopDelay({ resolution: 5 });
  say(`${name}: writers begin`);
  await sleep(SETTLE_MS);
  delay.enable();
  const marks = { measured: performance.now() };
  await sleep(options.seconds * 1000);
  const hindrance = options.hinder ? await hinder(url, options.hinderSeconds, undo) : undefined;
  marks.begun = performance.now();
  const onStep = (text) =>
    say(`${name}, ${((performance.now() - marks.begun) / 1000).toFixed(0)} s: ${text}`);
  const go = name === 'seed' ? seedWay : claireWay;
  const migration = await go({ url, program: options.program, more: options.more, onStep, undo });
  marks.ended = performance.now();
  await caughtUp(writers);
  marks.caughtUp = performance.now();
  say(`${name}: writers go on`);
  await sleep(options.seconds * 1000);
  delay.disable();
  await Promise.all([writers.stop(), star.stop(), waits.stop()]);
  await hindrance?.ended;
  say(`${name}: verifying`);
  const client = await connect(url, 'bench verify');
  undo.add(() => client.end());
  const verified = await verify(client, { rows, before, acknowledged: writers.acknowledged });
  await client.end();
  await place.drop(name);
  const summary = summarise(writers, marks, waits, migration.steps);
  return {
    way: name,
    seconds: (marks.ended - marks.begun) / 1000,
    catch_up_seconds: (marks.caughtUp - marks.ended) / 1000,
    migration: timed(migration, marks),
    hindered: hindrance?.sessions.map((session) => ({
      ...session,
      lines: linesNaming(migration.steps, session),
    })),
    summary,
    star: countStar(star),
    pause_ms: delay.max / 1e6,
    looks: waits.looks,
    waits: waits.byBlocker(),
    verified,
    bars: bars(summary),
  };
}

/** At once where nobody waited; else as soon as the queue is empty. */
async function caughtUp(writers) {
  const until = performance.now() + CATCH_UP_MS;
  while (writers.waiting > 0 && performance.now() < until) await sleep(20);
}

const timed = (migration, marks) => ({
  ...migration,
  steps: migration.steps.map(({ at, ...step }) => ({ at_seconds: (at - marks.begun) / 1000, ...step })),
});

function countStar({ executed, failures }) {
  const by_table = {};
  for (const { table } of failures) by_table[table] = (by_table[table] ?? 0) + 1;
  return {
    executed,
    failed: failures.length,
    by_table,
    messages: [...new Set(failures.map(({ message }) => message))],
  };
}

function bars({ failed, all, by_key }) {
  const count = failed.reduce((sum, group) => sum + group.count, 0);
  const longest = (name, { during }) => ({
    name,
    found: `${during.max?.toFixed(0)} ms`,
    holds: during.max <= LONGEST_MS,
  });
  return [
    { name: 'failed statements 0', found: String(count), holds: count === 0 },
    longest(`longest statement ≤ ${LONGEST_MS} ms`, all),
    longest('of those by key', by_key),
  ];
}
