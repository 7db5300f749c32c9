import { parse } from './json.js';

/** RFC 9457, with the code and the remedy of Claire's catalogue. */
export interface Problem {
  title: string;
  status: number;
  detail: string;
  code: string;
  remedy: string;
}

export class ApiError extends Error {
  readonly problem: Problem;
  /** Seconds after which it may be asked again, where the server said so. */
  readonly retry_after_seconds: number | undefined;
  constructor(problem: Problem, retry_after_seconds?: number) {
    super(problem.detail);
    this.problem = problem;
    this.retry_after_seconds = retry_after_seconds;
  }
}

export type Filters = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Rows<Row> {
  rows: Row[];
  next: string | null;
  at_ms: number;
}

export interface Value<Of> {
  value: Of;
  at_ms: number;
}

/** What the page is allowed to ask for, and as whom. */
export interface Caller {
  book: string | undefined;
  token: string | undefined;
  /** Ends the asking when nobody waits for the answer any more. */
  signal?: AbortSignal;
}

const PAGE_ROWS = 1000;
const REQUEST_MS = 20_000;

export function headersOf({ token }: Caller, more: Record<string, string> = {}): Record<string, string> {
  return token === undefined ? more : { ...more, authorization: `Bearer ${token}` };
}

export function addressOf({ book }: Caller, path: string, filters: Filters = {}): string {
  const given = Object.entries({ book, ...filters }).filter(
    ([, value]) => value !== undefined && value !== '',
  );
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return `${path}${given.length === 0 ? '' : `?${query}`}`;
}

/** @throws ApiError, also for a server that is not there */
export async function get<Answer>(caller: Caller, path: string, filters: Filters = {}): Promise<Answer> {
  return ask(addressOf(caller, path, filters), { headers: headersOf(caller) }, caller.signal);
}

/** @throws ApiError */
export async function post<Answer>(caller: Caller, path: string, body: object): Promise<Answer> {
  const headers = headersOf(caller, { 'content-type': 'application/json' });
  return ask(addressOf(caller, path), { method: 'POST', headers, body: JSON.stringify(body) });
}

/** Page after page; whoever has enough stops taking. */
export async function* pages<Row>(
  caller: Caller,
  path: string,
  filters: Filters = {},
  limit = PAGE_ROWS,
): AsyncGenerator<Rows<Row>> {
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page: Rows<Row> = await get(caller, path, { ...filters, limit, cursor });
    yield page;
    cursor = page.next;
  }
}

/** The first `most` rows, and whether there are more. */
export async function firstRows<Row>(
  caller: Caller,
  path: string,
  filters: Filters,
  most: number,
): Promise<{ rows: Row[]; more: boolean; at_ms: number }> {
  const rows: Row[] = [];
  let at_ms = 0;
  for await (const page of pages<Row>(caller, path, filters, Math.min(most, PAGE_ROWS))) {
    rows.push(...page.rows);
    at_ms ||= page.at_ms;
    if (rows.length >= most) return { rows: rows.slice(0, most), more: page.next !== null, at_ms };
  }
  return { rows, more: false, at_ms };
}

async function ask<Answer>(address: string, request: RequestInit, left?: AbortSignal): Promise<Answer> {
  const late = AbortSignal.timeout(REQUEST_MS);
  const signal = left ? AbortSignal.any([late, left]) : late;
  const answer = await fetch(address, { ...request, signal }).catch(unreached);
  if (!answer.ok) throw await refusalOf(answer);
  return parse(await answer.text().catch(unreached));
}

/** Also half an answer is none. */
function unreached(): never {
  throw new ApiError(UNREACHABLE);
}

export async function refusalOf(answer: Response): Promise<ApiError> {
  const retry = Number(answer.headers.get('retry-after') ?? Number.NaN);
  const problem = await answer.json().catch(() => undefined);
  const known = typeof problem?.detail === 'string' ? problem : unknownOf(answer);
  return new ApiError(known, Number.isFinite(retry) ? retry : undefined);
}

const UNREACHABLE: Problem = {
  title: 'Unreachable',
  status: 0,
  detail: 'The server of this page does not answer.',
  code: 'page_offline',
  remedy: 'It is asked again by itself. On its machine: `claire up`.',
};

const unknownOf = ({ status, statusText }: Response): Problem => ({
  ...{ title: statusText, status, code: 'page_unknown_answer' },
  detail: `The server answered ${status} ${statusText}.`.replace(' .', '.'),
  remedy: 'Look into the log of `claire up`.',
});
