import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { catalogue, type ErrorEntry } from '../../src/errors/index.js';
import { useBook } from '../harness/book.js';

const book = useBook();
const entries = Object.entries(catalogue) as [string, ErrorEntry][];
const named = entries.flatMap(([, entry]) => entry.constraints ?? []);

async function lawsOfTheSchema(): Promise<string[]> {
  const constraints = await book.sql<{ name: string }>(
    `select conname as name from pg_constraint
     where connamespace = current_schema()::regnamespace and contype in ('c', 'f', 'u', 'p', 'x')`,
  );
  const raised = await book.sql<{ name: string }>(
    `select m[1] as name from pg_proc p, regexp_matches(p.prosrc, 'constraint = ''(\\w+)''', 'g') m
     where p.pronamespace = current_schema()::regnamespace`,
  );
  return [...new Set([...constraints, ...raised].map(({ name }) => name))].sort();
}

async function sources(directory: string): Promise<string> {
  const files = (await readdir(directory, { recursive: true })).filter((name) => name.endsWith('.ts'));
  const texts = await Promise.all(
    files
      .filter((name) => !/errors\/(laws|situations)/.test(`${directory}/${name}`))
      .map((name) => readFile(`${directory}/${name}`, 'utf8')),
  );
  return texts.join('\n');
}

test('every constraint and every trigger law of the schema has its error, and every error of a law is live', async () => {
  expect([...named].sort()).toEqual(await lawsOfTheSchema());
});

test('a constraint that nobody put into the catalogue is found', async () => {
  await book.sql(`alter table candles add constraint candles_forgotten_check check (volume <> 13)`);
  const missing = (await lawsOfTheSchema()).filter((law) => !(named as string[]).includes(law));
  await book.sql(`alter table candles drop constraint candles_forgotten_check`);
  expect(missing).toEqual(['candles_forgotten_check']);
});

test('no law stands in the catalogue twice', () => {
  expect(new Set(named).size).toBe(named.length);
});

test('every error that is no law has a place in the code that throws it', async () => {
  const code = await sources('src');
  const dead = entries
    .filter(([name, entry]) => !entry.constraints && !code.includes(`'${name}'`))
    .map(([name]) => name);
  expect(dead).toEqual([]);
});

test('every error says what is wrong and what to do', () => {
  for (const [name, entry] of entries) {
    expect(entry.sentence, name).toMatch(/^[A-Z].*\.$/);
    expect(entry.remedy, name).toMatch(/^[A-Z].*\.$/s);
    expect(entry.status, name).toBeGreaterThanOrEqual(400);
  }
});
