import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { type Database, identifier } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { out } from './fields.js';
import type { Operation } from './operation.js';
import { moment, words } from './page.js';
import { defineRead } from './read.js';

/** The rights that a token may carry: those of the logins, without the one that only upkeep has. */
export const TOKEN_ROLES = [
  'signal_engine',
  'risk_manager',
  'execution_service',
  'claire_reader',
  'claire_operator',
  'claire',
] as const;
export type TokenRole = (typeof TOKEN_ROLES)[number];

const role = z.enum(TOKEN_ROLES).meta({ description: 'Role of the book whose rights the token has' });

const created = z.object({
  token_id: out.text,
  name: out.text,
  role: out.text,
  token: out.text.meta({
    description: 'What is sent as Authorization: Bearer; shown this once, and kept nowhere',
  }),
});
const createInput = z.strictObject({
  name: z.string().meta({ description: 'Who uses it: stands in the record beside what it does' }),
  role,
});

/** Letters without vowels and look-alikes: an id is read aloud, and spells nothing. */
const ALPHABET = 'bcdfghjkmnpqrstvwxz23456789';
const ID_LENGTH = 12;
const SECRET_BYTES = 32;

export const createToken: Operation<typeof createInput, z.output<typeof created>> = {
  summary: 'Makes a token with which HTTP is called; it is shown once.',
  kind: 'write',
  input: createInput,
  result: created,
  async run({ database, book }, { name, role }) {
    const token_id = Array.from(randomBytes(ID_LENGTH), (byte) => ALPHABET[byte % ALPHABET.length]).join('');
    const secret = randomBytes(SECRET_BYTES).toString('base64url');
    await database.query(`select ${book}.create_token($1, $2, $3, decode($4, 'hex'))`, [
      ...[token_id, name, role],
      digest(secret).toString('hex'),
    ]);
    return { token_id, name, role, token: `claire_${token_id}_${secret}` };
  },
};

const revokeInput = z.strictObject({
  token_id: z.string().meta({ description: 'Id of the token: the part between the underscores' }),
});
const revoked = z.object({
  token_id: out.text,
  revoked_at: out.time.meta({ description: 'When it was revoked, by this or before' }),
});

export const revokeToken: Operation<typeof revokeInput, z.output<typeof revoked>> = {
  summary: 'Revokes a token: within a second it is as one that never was.',
  kind: 'write',
  input: revokeInput,
  result: revoked,
  async run({ database, book }, { token_id }) {
    const [row] = await database.query<{ revoked_at: number | null }>(
      `select ${book}.revoke_token($1) as revoked_at`,
      [token_id],
    );
    if (!row || row.revoked_at === null) {
      throw new ClaireError('not_found', { found: `There is no token ${token_id}.` });
    }
    return { token_id, revoked_at: row.revoked_at };
  },
};

export const tokens = defineRead({
  summary: 'Tokens with which HTTP is called, the newest first, with who made them; never their secrets.',
  from: 'tokens',
  whole: true,
  row: z.object({
    token_id: out.text,
    name: out.text,
    role: out.text,
    created_at: out.time,
    created_by: out.text,
    revoked_at: out.time.nullable(),
    revoked_by: out.text.nullable(),
    last_used_day: out.text.nullable().meta({ description: 'Day of its last use, UTC' }),
  }),
  expressions: { last_used_day: 't.last_used_day::text' },
  filters: { role: role.optional() },
  where: { role: 'role = $' },
  order: { direction: 'desc', keys: [moment('t.created_at'), words('token_id')] },
});

export interface TokenFound {
  token_id: string;
  name: string;
  role: TokenRole;
}

const BEARER = /^claire_([a-z0-9]{12})_([A-Za-z0-9_-]{43})$/;

/**
 * Whose token it is, of this book; undefined where it is none, is revoked or has another secret, and nobody can tell which.
 * Once a day it is written that the token was used. `database` is of a login that may read.
 */
export async function findToken(
  database: Database,
  book: string,
  bearer: string,
): Promise<TokenFound | undefined> {
  const [, token_id, secret] = BEARER.exec(bearer) ?? [];
  if (token_id === undefined || secret === undefined) return undefined;
  const schema = identifier(book);
  const [row] = await database.query<TokenFound & { hash: Buffer; is_fresh: boolean }>(
    `select token_id, name, role, hash,
       last_used_day is not distinct from timezone('UTC', now())::date as is_fresh
     from ${schema}.token_of($1) where token_id is not null`,
    [token_id],
  );
  // Compared with something in each case, in a time that does not depend on what.
  const isRight = timingSafeEqual(digest(secret), row?.hash ?? Buffer.alloc(SECRET_BYTES));
  if (!row || !isRight) return undefined;
  if (!row.is_fresh) await markUsed(database, schema, token_id);
  return { token_id, name: row.name, role: row.role };
}

/**
 * In a session that reads only as well, because it is no change of the record. The day is for people: on a server that
 * cannot be written to the token is good all the same, and the next use tries again.
 */
async function markUsed(database: Database, schema: string, token_id: string): Promise<void> {
  const mark = database.transaction(async (t) => {
    await t.query('set transaction read write');
    await t.query(`select ${schema}.mark_token_used($1)`, [token_id]);
  });
  await mark.catch(() => {});
}

const digest = (secret: string): Buffer => createHash('sha256').update(secret).digest();
