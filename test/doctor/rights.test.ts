import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Database, identifier } from '../../src/database/index.js';
import { checks } from '../../src/doctor/checks/index.js';
import { diagnose } from '../../src/doctor/index.js';
import { useBook } from '../harness/book.js';

const book = useBook();
const login = `reader_${randomBytes(6).toString('hex')}`;
let reader: Database;

beforeAll(async () => {
  await book.sql(`create role ${identifier(login)} login password 'secret';
    grant usage on schema main to ${identifier(login)};
    grant select on all tables in schema main to ${identifier(login)}`);
  const url = new URL(book.url);
  url.username = login;
  url.password = 'secret';
  reader = new Database({ databaseUrl: url.href, applicationName: 'tests', connections: 1 });
});
afterAll(async () => {
  await reader.close();
  await book.sql(`drop owned by ${identifier(login)}; drop role ${identifier(login)}`);
});

const OF_THE_BOOK = checks.slice(checks.findIndex(({ name }) => name === 'positions_realtime'));

test('who may only read the book gets an answer to each question about it, but to that which makes a scratch schema', async () => {
  const { checks: answers } = await diagnose(reader, 'main', {
    checks: OF_THE_BOOK,
    statementTimeout: 30_000,
  });
  const skipped = answers.filter(({ result }) => result === 'skipped');
  expect(skipped.map(({ check }) => check)).toEqual(['schema_released', 'unused_indexes', 'backup_age']);
  expect(skipped[0]!.sentence).toMatch(new RegExp(`${login} lacks CREATE on database test_`));
});

test('of a table that a login may not read it is told that its room is not known', async () => {
  await book.sql(`create table notes as select n, repeat('x', 100) as text from generate_series(1, 100000) n;
    revoke select on notes from ${identifier(login)}`);
  await book.sql('vacuum (analyze) notes');
  const { checks: answers } = await diagnose(reader, 'main', {
    checks: OF_THE_BOOK.filter(({ name }) => name === 'table_bloat'),
    statementTimeout: 30_000,
  });
  expect(answers).toMatchObject([{ result: 'skipped' }]);
  expect(answers[0]!.sentence).toBe(
    `notes: there are no statistics that ${login} may see; it takes SELECT on the table, and an ANALYZE.`,
  );
});

test('a login with no right in the book gets a whole report, and is told which one is missing', async () => {
  const stranger = `stranger_${randomBytes(6).toString('hex')}`;
  await book.sql(`create role ${identifier(stranger)} login password 'secret'`);
  const url = new URL(book.url);
  url.username = stranger;
  url.password = 'secret';
  const database = new Database({ databaseUrl: url.href, applicationName: 'tests', connections: 1 });
  try {
    const report = await diagnose(database, 'main', { statementTimeout: 30_000 });
    expect(report.checks.map(({ check }) => check)).toEqual(checks.map(({ name }) => name));
    const ofTheBook = report.checks.find(({ check }) => check === 'halted')!;
    expect(ofTheBook).toMatchObject({ result: 'skipped' });
    expect(ofTheBook.sentence).toMatch(/lacks a right: permission denied for (schema|table) /);
    expect(report.counts.ok).toBeGreaterThan(2);
  } finally {
    await database.close();
    await book.sql(`drop role ${identifier(stranger)}`);
  }
});
