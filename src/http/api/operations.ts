import type { z } from 'zod';
import { signed } from '../../claire.js';
import { type Database, toJson } from '../../database/index.js';
import { ClaireError } from '../../errors/index.js';
import {
  type AnyOperation,
  acting,
  bindOperation,
  type Context,
  hashOf,
  once,
  operations,
} from '../../operations/index.js';
import { requireFew } from './body.js';
import { AnswerText, answerOf, type Call, type Endpoint } from './endpoint.js';
import type { Pools } from './pools.js';
import { inputOf, refusal } from './query.js';
import { answersRows, type Name, ROUTES, type Route } from './table.js';
import { Together } from './together.js';

/** The verbs of the registry as addresses. */
export function operationEndpoints(pools: Pools): Endpoint[] {
  const together = new Together();
  return ROUTES.map((route) =>
    route.method === 'GET' ? readOf(route, pools, together) : writeOf(route, pools),
  );
}

const verbOf = (name: Name): AnyOperation => operations[name];

function readOf({ path, one }: Route, pools: Pools, together: Together): Endpoint {
  const name = one!;
  const { summary, input, result } = verbOf(name);
  return {
    ...{ method: 'GET', path, summary, result },
    query: input as z.ZodObject,
    answers: 'after' in (input as z.ZodObject).shape || answersRows(name) ? 'rows' : 'value',
    async answer({ caller, book, query, params, deadline }) {
      const given = inputOf(input as z.ZodObject, { ...query, ...params });
      // The one read that only the operator may.
      const { claire } = await (name === 'tokens'
        ? pools.open(caller.role, book)
        : pools.reading(caller.role, book));
      const key = toJson([caller.role, book, name, given]);
      // Of who asked first, who may be gone before the others have their answer.
      return together.ask(key, () => claire.callWithin(deadline.renewed(), name, given));
    },
    write: toJson,
  };
}

function writeOf(route: Route, pools: Pools): Endpoint {
  const { path, one, many, by } = route;
  const single = one === undefined ? undefined : verbOf(one);
  const batch = many === undefined ? undefined : verbOf(many);
  return {
    ...{ method: 'POST', path, summary: (single ?? batch)!.summary },
    ...(single ? { one: single.input as z.ZodType } : {}),
    ...(batch ? { many: batch.input as z.ZodType } : {}),
    ...(one === 'revokeToken' ? { revokesTokens: true as const } : {}),
    answers: single ? 'value' : 'rows',
    result: (single ?? batch)!.result,
    async answer(call) {
      const name = nameOf(route, call.body);
      const { claire, database: pool } = await pools.open(roleOf(call, by), call.book);
      const database = pool.within(call.deadline);
      const { token_id, name: token } = call.caller;
      const actor = token_id === undefined ? undefined : token;
      // One transaction, whoever asks: where its time is over nothing of it is recorded.
      return claire.watch<unknown>(name, () =>
        call.key === undefined
          ? acting(database, call.book, actor, (context) => run(context, name, call.body))
          : answerOnce(database, call, { name, path, actor }),
      );
    },
    write: toJson,
  };
}

const run = (context: Context, name: Name, body: unknown): Promise<unknown> =>
  bindOperation(verbOf(name), { ...context, database: signed(context.database, name) })(body);

interface Asked {
  name: Name;
  path: string;
  actor: string | undefined;
}

/** With a key it is done once, however often it is sent. */
async function answerOnce(database: Database, call: Call, { name, path, actor }: Asked): Promise<AnswerText> {
  // Its answer would be kept, and the secret in it.
  if (name === 'createToken') throw refusal('Idempotency-Key', 'a token is shown once and never again');
  const { book, body } = call;
  const asked = {
    ...{ key: call.key!, caller: call.caller.token_id ?? call.caller.name },
    ...{ hash: hashOf(path, book, toJson(body)), actor },
  };
  const work = async (context: Context) => ({
    ...{ status: 200, body: toJson(answerOf(await run(context, name, body))) },
  });
  return new AnswerText((await once(database, book, asked, work)).body);
}

/** Without a token it is the login whose part the write is, where that was allowed. */
function roleOf({ caller }: Call, by: Route['by']): Route['by'] {
  if (caller.token_id !== undefined) return caller.role;
  if (caller.isOpen) return by;
  throw new ClaireError('http_token_missing', { found: 'Without one this machine may read.' });
}

function nameOf({ one, many }: Route, body: unknown): Name {
  if (Array.isArray(body)) requireFew(body);
  const name = Array.isArray(body) ? many : one;
  if (name !== undefined) return name;
  const found = one === undefined ? 'A batch is an array.' : 'The body is an object here, no array.';
  throw new ClaireError('input_invalid', { found });
}
