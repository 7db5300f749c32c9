import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { type Report, WORKLOADS } from '../../src/bench/index.js';

const markdown = async () => [
  ...(await readdir('.')).filter((name) => name.endsWith('.md')),
  ...(await readdir('docs', { recursive: true }))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

/** Scripts of bench/ whose reports are kept. */
const SCRIPTS = ['partition'];
/** A backup of ten million rows takes minutes, and twenty are taken: their speed does not grow with the rows. Over HTTP ten are asked for. */
const SMALLER = ['backup', 'http'];

test('the benchmarks hold every workload, at ten million rows', async () => {
  const names = await readdir('docs/benchmarks');
  const reports = await Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join('docs/benchmarks', name), 'utf8')) as Report),
  );
  const measured = reports.flatMap(({ results }) => results.map(({ workload }) => workload));
  const workloads = WORKLOADS.map(({ name }) => name);
  // A script of bench/ asks once, at a size that it says.
  expect([...new Set(measured)].sort()).toEqual([...workloads, ...SCRIPTS].sort());
  for (const { rows, results } of reports)
    if (!results.every(({ workload }) => [...SCRIPTS, ...SMALLER].includes(workload)))
      expect(rows).toContain(10_000_000);
});

test('the reference is what the program says of itself, the benchmarks what their report says (npm run docs)', async () => {
  const generate = join(process.cwd(), 'docs/generate.js');
  const { pages } = (await import(generate)) as { pages(): Promise<Record<string, string>> };
  for (const [path, text] of Object.entries(await pages()))
    expect(await readFile(path, 'utf8'), path).toBe(text);
});

test('every link inside the documents leads somewhere', async () => {
  const dead: string[] = [];
  for (const file of await markdown()) {
    for (const [, target] of (await readFile(file, 'utf8')).matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      if (!existsSync(join(dirname(file), target!))) dead.push(`${file}: ${target}`);
    }
  }
  expect(dead).toEqual([]);
});

test('every decision has a number of its own, without a gap', async () => {
  const numbers = (await readdir('docs/decisions')).sort().map((name) => Number(name.slice(0, 4)));
  expect(numbers).toEqual(numbers.map((_, at) => at + 1));
});
