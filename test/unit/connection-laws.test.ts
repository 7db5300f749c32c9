import { expect, test } from 'vitest';
import type { Entry } from '../../bench/connections/journal.js';
import {
  brokenAtRest,
  brokenByErrors,
  brokenByHalves,
  brokenByRecord,
  brokenBySamples,
  brokenByVerdicts,
  brokenByWaiting,
} from '../../bench/connections/laws.js';
import { overview, type Seen } from '../../bench/connections/sampler.js';

/** The laws of the drill, each broken on purpose: a drill that finds nothing says something only if these do. */
const error = (error: string, code: string | undefined, message = 'told'): Entry => ({
  ...{ what: 'error', during: 'signal', error, message },
  ...(code === undefined ? {} : { code }),
});

test('an error of the catalogue that says the record was not to be had breaks nothing', () => {
  const codes = ['database_unreachable', 'connections_exhausted', 'write_unresolved', 'statement_cancelled'];
  expect(brokenByErrors(codes.map((code) => error('ClaireError', code)))).toEqual([]);
});

test.each([
  ['the error of the driver', error('DatabaseError', '57P01'), 'no ClaireError'],
  ['an error of the language', error('TypeError', undefined), 'no ClaireError'],
  ['a code that nobody wrote down', error('ClaireError', 'surprise'), 'not in the catalogue'],
  ['an error that has no name', error('ClaireError', 'database_error'), 'without a name'],
  ['a refusal of what is allowed', error('ClaireError', 'id_conflict'), 'refused what it may do'],
])('%s is found', (_, entry, sentence) => {
  expect(brokenByErrors([entry])).toEqual([expect.stringContaining(sentence)]);
});

test('many errors of one kind are a few sentences', () => {
  const many = Array.from({ length: 1000 }, () => error('DatabaseError', '57P01'));
  expect(brokenByErrors(many)).toHaveLength(6);
  expect(brokenByErrors(many).at(-1)).toMatch(/995 more/);
});

test('under load alone any error is one too many', () => {
  expect(brokenByWaiting([error('ClaireError', 'connections_exhausted')])).toHaveLength(1);
  expect(brokenByWaiting([{ what: 'tried', kind: 'signal', ids: ['a'] }])).toEqual([]);
});

const wrote = (what: Entry['what'], ids: string[]): Entry => ({ what, kind: 'signal', ids });
const told = [wrote('tried', ['a', 'b']), wrote('tried', ['c']), wrote('acknowledged', ['a', 'b'])];

test.each([
  ['what was acknowledged is there, what was not may be', { a: 1, b: 1, c: 1 }, []],
  ['what was not acknowledged may be missing', { a: 1, b: 1 }, []],
  ['an acknowledged one that is missing', { a: 1 }, ['signal b was acknowledged and is missing']],
  ['an acknowledged one that is doubled', { a: 2, b: 1 }, ['signal a is there 2 times']],
  ['one that was not acknowledged and is doubled', { a: 1, b: 1, c: 2 }, ['signal c is there 2 times']],
  ['one that nobody tried', { a: 1, b: 1, z: 1 }, ['signal z is there and nobody tried it']],
])('in the record: %s', (_, found: Record<string, number>, broken) => {
  expect(brokenByRecord(told, { signal: new Map(Object.entries(found)) })).toEqual(broken);
});

test('a decision that is recorded as another one than was told is found', () => {
  const entries: Entry[] = [{ what: 'acknowledged', kind: 'verdict', ids: ['o1'], answer: 'opening' }];
  expect(brokenByVerdicts(entries, new Map([['o1', 'opening']]))).toEqual([]);
  expect(brokenByVerdicts(entries, new Map([['o1', 'rejected']]))).toHaveLength(1);
  expect(brokenByVerdicts(entries, new Map())).toHaveLength(1);
});

test('half a transaction is found, whichever half it is', () => {
  expect(brokenByHalves(new Set(['a']), new Set(['a']))).toEqual([]);
  expect(brokenByHalves(new Set(['a']), new Set())).toEqual(['order a is filled and has no trade']);
  expect(brokenByHalves(new Set(), new Set(['a']))).toEqual(['order a has a trade and is not filled']);
});

const seen = (role: string, connections: number, state = 'active'): Seen => ({
  ...{ role, application: role, state, connections, oldest_ms: 0 },
});
const samples = (...looks: Seen[][]) =>
  overview(looks.map((look, at) => ({ at: at * 50, seen: look, isAway: false })));
const shares = { signal_engine: 12, risk_manager: 8 };

test('one sample over the budget is enough, however many are below it', () => {
  const quiet = [seen('signal_engine', 6)];
  expect(brokenBySamples(samples(quiet, quiet), 12, shares)).toEqual([]);
  const loud = [seen('signal_engine', 7), seen('signal_engine', 5, 'idle'), seen('risk_manager', 1)];
  expect(brokenBySamples(samples(quiet, loud, quiet), 12, shares)).toEqual([
    '13 connections at once instead of 12',
  ]);
});

test('a login over its share is found, and one that has none', () => {
  expect(brokenBySamples(samples([seen('risk_manager', 9)]), 30, shares)).toEqual([
    '9 connections of risk_manager instead of 8',
  ]);
  expect(brokenBySamples(samples([seen('stranger', 1)]), 30, shares)).toHaveLength(1);
});

test('who never looked has seen nothing', () => {
  const away = overview([{ at: 0, seen: [], isAway: true }]);
  expect(brokenBySamples(away, 30, shares)).toHaveLength(1);
  expect(brokenAtRest(away, shares)).toHaveLength(1);
});

test('at rest a connection in a transaction is found, and one too many', () => {
  expect(brokenAtRest(samples([seen('risk_manager', 8, 'idle')]), shares)).toEqual([]);
  const open = [seen('risk_manager', 1, 'idle in transaction (aborted)')];
  expect(brokenAtRest(samples(open, []), shares)).toHaveLength(1);
  expect(brokenAtRest(samples([seen('risk_manager', 9, 'idle')]), shares)).toHaveLength(1);
});
