import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, inject, test } from 'vitest';
import { useBook } from '../harness/book.js';

const run = promisify(execFile);
const book = useBook();
/** Clients find the tables by unqualified name, as the logins of a book do. */
const url = () => `${book.url}?options=-csearch_path%3Dmain`;
const environment = (databaseUrl: string) => ({ ...process.env, DATABASE_URL: databaseUrl });

async function needs(what: string, present: () => Promise<unknown>): Promise<boolean> {
  const found = await present().then(
    () => true,
    () => false,
  );
  if (!found) process.stderr.write(`Skipped: ${what} is not installed.\n`);
  return found;
}

const python = await needs('python3-sqlalchemy with python3-psycopg2', () =>
  run('/usr/bin/python3', ['-c', 'import sqlalchemy, psycopg2']),
);
const psql = await needs('psql', () => run('psql', ['--version']));

describe('the examples', () => {
  test('the TypeScript service runs, and again', async () => {
    const out = `build/examples-${inject('major')}`;
    await run('npx', ['tsc', '-p', 'examples', '--outDir', out]);
    for (let time = 0; time < 2; time++) {
      const { stdout } = await run('node', [`${out}/service.js`], {
        env: environment(book.url),
      });
      expect(stdout).toBe('gross 42.740775, net 41.720775\nnot_found - Check the id and the book.\n');
    }
  });

  test('the README shows it as it is', async () => {
    expect(await readFile('README.md', 'utf8')).toContain(await readFile('examples/service.ts', 'utf8'));
  });

  test.runIf(python)("the Python service with the seed's pool runs, and again", async () => {
    for (let time = 0; time < 2; time++) {
      const { stdout } = await run('/usr/bin/python3', ['examples/service.py'], { env: environment(url()) });
      expect(stdout).toBe('gross profit 42.74077500\nrefused by signals_price_check\n');
    }
    expect(await book.sql(`select count(*) as n from trades where order_id = 'py_order'`)).toEqual([
      { n: 1 },
    ]);
  });

  test.runIf(psql)('the psql session runs, and again', async () => {
    for (let time = 0; time < 2; time++) {
      const { stdout } = await run('psql', ['-X', '-At', url(), '-f', 'examples/session.sql']);
      expect(stdout).toContain('-27.84000000|-1.4002');
    }
  });

  test('the built package is there for them', () => {
    expect(existsSync('dist/index.js')).toBe(true);
  });
});
