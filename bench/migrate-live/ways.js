/**
 * The two ways to a newer version, each as its user goes it: a script that a person feeds to psql, and our command as a
 * process of its own. Both tell of their steps as they go.
 */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { oneLine } from './lock-waits.js';
import { connect } from './place.js';
import { SEED_MIGRATION } from './seed-schema.js';

const CLAIRE = fileURLToPath(new URL('../../bin/claire.js', import.meta.url));
/** A migration that has not ended by then is stopped and reported so. */
const PATIENCE_MS = 30 * 60_000;

/** As `psql -f` runs it: one statement after another, going on after an error. */
export async function seedWay({ url, onStep, undo }) {
  const client = await connect(url, 'seed migration');
  undo.add(() => client.end());
  const failed = [];
  const steps = [];
  for (const statement of SEED_MIGRATION) {
    const text = oneLine(statement);
    const step = { at: performance.now(), text };
    steps.push(step);
    onStep(text);
    await client.query(statement).catch((error) => failed.push({ statement: text, message: error.message }));
    step.ms = performance.now() - step.at;
  }
  await client.end();
  return { command: "the seed's migration script, as psql -f runs it", exit: 0, steps, failed, errors: '' };
}

/** `claire migrate`; its lines are its steps. */
export async function claireWay({ url, program, more, onStep, undo }) {
  const file = program ?? CLAIRE;
  const words = ['migrate', '--book', 'public', '--no-backup', ...more];
  const child = spawn(process.execPath, [file, ...words, '--database-url', url], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  undo.add(() => end(child));
  const steps = [];
  const errors = [];
  readLines(child.stdout, (text) => {
    steps.push({ at: performance.now(), text });
    onStep(text);
  });
  readLines(child.stderr, (text) => {
    steps.push({ at: performance.now(), text });
    errors.push(text);
  });
  const patience = setTimeout(() => {
    errors.push(`It had not ended after ${PATIENCE_MS / 60_000} minutes and was stopped.`);
    end(child).catch(() => {});
  }, PATIENCE_MS);
  const exit = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? signal));
  });
  clearTimeout(patience);
  return {
    command: `node ${program ?? 'bin/claire.js'} ${words.join(' ')} --database-url …`,
    exit,
    steps,
    failed: [],
    errors: errors.join('\n'),
  };
}

function readLines(stream, take) {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) if (line.trim() !== '') take(line.trimEnd());
  });
  stream.on('end', () => rest.trim() !== '' && take(rest.trimEnd()));
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGTERM');
  const waited = new AbortController();
  const isGone = await Promise.race([
    gone.then(() => true),
    sleep(5000, false, { signal: waited.signal }).catch(() => false),
  ]);
  waited.abort();
  if (isGone) return;
  child.kill('SIGKILL');
  await gone;
}
