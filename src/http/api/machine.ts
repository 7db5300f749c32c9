import { z } from 'zod';
import { type LoginRole, loginNames, type Queryable } from '../../database/index.js';
import type { ConnectionsReport, Report } from '../../doctor/index.js';
import { operationSeries, operationUse, sampledOf, statementUse } from '../../doctor/index.js';
import { out, time } from '../../operations/fields.js';
import { parseInput } from '../../operations/operation.js';
import { requireLook } from './access.js';
import type { Call, Endpoint } from './endpoint.js';
import { Kept } from './kept.js';
import { inputOf } from './query.js';

/** What `up` knows of the machine. `book` is one that is there. */
export interface Machine {
  /** Of a login that sees the sessions of all. */
  database: Queryable;
  diagnose(book: string): Promise<Report>;
  /** `isOwn`: sessions and logins of the book, and nobody else's. */
  connections(book: string, isOwn: boolean): Promise<ConnectionsReport>;
  /** The backups, the newest first, and what is known of them together. */
  backups(book: string): Promise<object>;
  books(): Promise<{ book: string; version: string | null }[]>;
  /** Whether requests can come as this role: a server that was named may have no login for it. */
  mayActAs(role: LoginRole, book: string): Promise<boolean>;
}

const HOUR_MS = 3_600_000;
const LIMIT = 20;
/** The doctor asks everything, on one connection: what it said stays said for so long. */
const DOCTOR_MS = 60_000;
/** And may be asked anew so often. */
const FRESH_MS = 5000;

const doctorQuery = z.strictObject({
  fresh: z.enum(['1']).optional().meta({ description: 'Ask anew, where the answer is older than 5 seconds' }),
});
const queriesQuery = z.strictObject({
  since: time.optional().meta({ description: 'From when on; the last hour where it is left out' }),
  order: z.enum(['most_time', 'slowest']).optional().meta({ description: 'What comes first' }),
  operation: z.string().max(50).optional().meta({ description: 'This operation over time, as `steps`' }),
  limit: z.coerce.number().int().min(1).max(100).default(LIMIT).meta({ description: 'Lines of each list' }),
});
const nothing = z.strictObject({});

/** Their parts are those of the command of the same name, with --json. */
const SHAPES = {
  doctor: z.looseObject({
    at_ms: out.time,
    counts: z.record(z.string(), out.count),
    checks: z.array(z.looseObject({ check: out.text, result: out.text, sentence: out.text })),
  }),
  backups: z.looseObject({
    verified: z.looseObject({ name: out.text, taken_ms: out.time, age_seconds: z.number() }).nullable(),
    failure: z.looseObject({ at_ms: out.time, action: out.text }).nullable(),
    backups: z.array(z.looseObject({ name: out.text })),
  }),
  connections: z.looseObject({
    budget: z.looseObject({ limit: out.count, connections: out.count }),
    groups: z.array(z.looseObject({ application: out.text, role: out.text, connections: out.count })),
    missing: z.array(out.text),
  }),
  queries: z.looseObject({
    since_ms: out.time,
    operations: z.array(z.looseObject({ operation: out.text, calls: z.number() })),
    statements: z.array(z.looseObject({ calls: z.number(), mean_ms: z.number() })),
    steps: z.array(z.looseObject({ from_ms: out.time, p95_ms: z.number().nullable() })),
  }),
  books: z.object({
    book: out.text,
    version: out.text.nullable(),
    current: z.boolean().meta({ description: 'The one that this request means' }),
  }),
  me: z.object({
    name: out.text,
    role: out.text,
    may_write: z.boolean(),
    token: z.boolean().meta({ description: 'False: a program of this machine without one' }),
  }),
} as const;

/** A token is of one book, and shows nothing of others. */
const isOfBook = ({ caller }: Call): boolean => caller.token_id !== undefined;

type Ask = (call: Call, input: Record<string, unknown>) => Promise<unknown>;

/** How the machine is. */
export function machineEndpoints(machine: Machine): Endpoint[] {
  const diagnosed = new Kept<Report>();
  const doctor: Ask = ({ book }, { fresh }) =>
    diagnosed.get(book, () => machine.diagnose(book), fresh === undefined ? DOCTOR_MS : FRESH_MS);
  return [
    looking(
      'doctor',
      'What the doctor says, each check with its sentence; a minute old at most.',
      doctor,
      doctorQuery,
    ),
    looking('backups', 'Backups, which of them were restored for a look, and what last failed.', ({ book }) =>
      machine.backups(book),
    ),
    looking('connections', 'Who is connected, beside what is expected and what the server holds.', (call) =>
      machine.connections(call.book, isOfBook(call)),
    ),
    looking(
      'queries',
      'How long operations and statements took.',
      (call, input) => usageOf(machine.database, call, input),
      queriesQuery,
    ),
    endpoint('books', 'The books that there are, with their versions; to a token its own.', async (call) =>
      (await machine.books())
        .filter((each) => !isOfBook(call) || each.book === call.book)
        .map((each) => ({ ...each, current: each.book === call.book })),
    ),
    endpoint('me', 'Who asks, and what he may.', async (call) => ({
      ...{ name: call.caller.name, role: call.caller.role },
      may_write: await mayWrite(machine, call),
      token: call.caller.token_id !== undefined,
    })),
  ];
}

function endpoint(
  name: keyof typeof SHAPES,
  summary: string,
  ask: Ask,
  query: z.ZodObject = nothing,
): Endpoint {
  return {
    ...{ method: 'GET', path: `/v1/${name}`, summary, query, result: SHAPES[name] },
    answers: name === 'books' ? 'rows' : 'value',
    answer: (call) => ask(call, parseInput(query, inputOf(query, call.query))),
  };
}

function looking(name: keyof typeof SHAPES, summary: string, ask: Ask, query?: z.ZodObject): Endpoint {
  const look: Ask = (call, input) => {
    requireLook(call.caller);
    return ask(call, input);
  };
  return endpoint(name, summary, look, query);
}

/** Whether some write is not refused for who he is. */
async function mayWrite({ mayActAs }: Machine, { caller, book }: Call): Promise<boolean> {
  const roles: LoginRole[] = caller.isOpen ? ['claire', 'claire_operator'] : [caller.role];
  const may = await Promise.all(
    roles.map(async (role) => role !== 'claire_reader' && (await mayActAs(role, book))),
  );
  return may.includes(true);
}

async function usageOf(database: Queryable, call: Call, input: Record<string, unknown>): Promise<object> {
  const { book } = call;
  const { since, order, operation, limit } = input as z.output<typeof queriesQuery>;
  const since_ms = since ?? Date.now() - HOUR_MS;
  const sampled = await sampledOf(database);
  const isThere = sampled.since_ms !== null;
  const asked = { since_ms, limit, ...(order ? { order } : {}) };
  return {
    ...{ since_ms, sampled },
    operations: isThere ? await operationUse(database, book, asked) : [],
    statements: isThere
      ? await statementUse(database, isOfBook(call) ? { ...asked, roles: loginNames(book) } : asked)
      : [],
    steps:
      isThere && operation !== undefined ? await operationSeries(database, book, operation, since_ms) : [],
  };
}
