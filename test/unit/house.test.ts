import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

/**
 * The house rules that imports can show. A room may use the rooms before it; rooms of one level do not know each
 * other, unless named in `also`.
 */
const LEVELS = [
  ['domain', 'errors', 'config.ts'],
  ['database'],
  ['schema', 'operations'],
  ['claire.ts'],
  ['index.ts'],
  ['services', 'upkeep', 'backup', 'doctor', 'log'],
  ['http'],
  // It measures HTTP as it measures everything else.
  ['bench'],
  // `claire up` serves HTTP.
  ['cli'],
];

const room = (file: string) => file.split('/')[0]!;
const level = (name: string) => LEVELS.findIndex((rooms) => rooms.includes(name));

interface Import {
  from: string;
  to: string;
}

function breaches(imports: Import[]): string[] {
  return imports.flatMap(({ from, to }) => {
    const [a, b] = [room(from), room(to)];
    if (a === b || level(b) < level(a)) return [];
    return [`${from} imports ${to}`];
  });
}

async function files(): Promise<Map<string, string>> {
  const names = (await readdir('src', { recursive: true })).filter((name) => name.endsWith('.ts'));
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join('src', name), 'utf8')] as const)),
  );
}

const IMPORT = /(?:from|import)\s*\(?\s*'([^']+)'/g;

async function imports(): Promise<{ inner: Import[]; outer: Import[] }> {
  const inner: Import[] = [];
  const outer: Import[] = [];
  for (const [from, text] of await files()) {
    for (const [, to] of text.matchAll(IMPORT)) {
      if (to!.startsWith('.'))
        inner.push({ from, to: normalize(join(dirname(from), to!)).replace(/\.js$/, '.ts') });
      else outer.push({ from, to: to! });
    }
  }
  return { inner, outer };
}

test('every room stands on a level', async () => {
  const unknown = [...(await files()).keys()].map(room).filter((name) => level(name) < 0);
  expect(unknown).toEqual([]);
});

test('the arrows between the rooms point one way', async () => {
  expect(breaches((await imports()).inner)).toEqual([]);
});

test('an arrow the wrong way is found', () => {
  expect(breaches([{ from: 'domain/time.ts', to: 'database/index.ts' }])).toHaveLength(1);
  expect(breaches([{ from: 'schema/migrate.ts', to: 'operations/index.ts' }])).toHaveLength(1);
  expect(breaches([{ from: 'cli/main.ts', to: 'services/replay.ts' }])).toEqual([]);
});

test('only database/ imports the driver', async () => {
  const others = (await imports()).outer.filter(
    ({ from, to }) => /^pg(-|$)/.test(to) && room(from) !== 'database',
  );
  expect(others).toEqual([]);
});

test('services use the public door only', async () => {
  const allowed = /^(index\.ts|domain\/|errors\/|services\/)/;
  const others = (await imports()).inner.filter(
    ({ from, to }) => room(from) === 'services' && !allowed.test(to),
  );
  expect(others).toEqual([]);
});

test.each([
  ['only config.ts reads the environment', /process\.env/, ['config.ts']],
  ['only cli/main.ts ends the process', /process\.(exit\b|exitCode\s*=|abort\b)/, ['cli/main.ts']],
  ['nobody uses console', /\bconsole\./, []],
  ['money is not parsed into a float', /parseFloat/, []],
])('%s', async (_, pattern, allowed) => {
  const found = [...(await files())].filter(
    ([name, text]) => pattern.test(text) && !(allowed as string[]).includes(name),
  );
  expect(found.map(([name]) => name)).toEqual([]);
});

test('files stay small enough for one reading', async () => {
  const long = [...(await files())].filter(([, text]) => text.split('\n').length > 350).map(([name]) => name);
  expect(long).toEqual([]);
});
