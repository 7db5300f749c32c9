import { describe, expect, test } from 'vitest';
import { findToken } from '../../src/operations/index.js';
import { refusal, useBook } from '../harness/book.js';

const book = useBook();
const { sql, database } = book;

describe('a token', () => {
  test('is found by what was shown once, with its name and role, and only its hash is kept', async () => {
    const claire = await book.connect();
    const { token, ...made } = await claire.createToken({ name: 'bot 1', role: 'signal_engine' });
    expect(token).toMatch(/^claire_[a-z0-9]{12}_[A-Za-z0-9_-]{43}$/);
    expect(await findToken(database, 'main', token)).toEqual(made);
    const everything = JSON.stringify(await sql(`select t::text from tokens as t`));
    expect(everything).not.toContain(token.split('_').slice(2).join('_'));
    expect(await claire.tokens()).toMatchObject([
      { ...made, created_by: 'postgres', revoked_at: null, revoked_by: null },
    ]);
  });

  test('of another secret, of another book, revoked or unknown is none, and all look the same', async () => {
    const claire = await book.connect();
    const other = await book.bookAt();
    const { token, token_id } = await claire.createToken({ name: 'to go', role: 'claire' });
    const { token: second } = await claire.createToken({ name: 'second', role: 'claire' });
    const secret = (text: string) => text.slice(-43);
    expect(await findToken(database, 'main', token.slice(0, -43) + secret(second))).toBeUndefined();
    expect(await findToken(database, other, token)).toBeUndefined();
    const { revoked_at } = await claire.revokeToken({ token_id });
    expect(await findToken(database, 'main', token)).toBeUndefined();
    expect(await claire.revokeToken({ token_id })).toEqual({ token_id, revoked_at });
    for (const text of ['', token.slice(1), `${token}x`, token.replace(token_id, 'aaaaaaaaaaaa'), `x\0`]) {
      expect(await findToken(database, 'main', text)).toBeUndefined();
    }
    expect((await refusal(claire.revokeToken({ token_id: 'aaaaaaaaaaaa' }))).code).toBe('not_found');
  });

  test('has a name that no other one has that holds', async () => {
    const claire = await book.connect();
    const make = () => claire.createToken({ name: 'page', role: 'claire_reader' });
    const both = await Promise.allSettled([make(), make()]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await refusal(make())).code).toBe('token_name_taken');
    const { token_id } = (await claire.tokens()).find(({ name }) => name === 'page')!;
    await claire.revokeToken({ token_id });
    expect((await make()).token_id).not.toBe(token_id);
  });

  test.each(['', ' x', 'x'.repeat(51), 'a\nb', 'a(b)', '<b>', 'ä'])('is not called %j', async (name) => {
    const claire = await book.connect();
    expect((await refusal(claire.createToken({ name, role: 'claire' }))).code).toBe('token_impossible');
  });

  test('has a role of its book that is for services and people, and no other', async () => {
    const claire = await book.connect();
    for (const role of ['claire_owner', 'claire_upkeep', 'signal_engine_demo', 'postgres']) {
      const error = await refusal(claire.createToken({ name: 'n', role: role as 'claire' }));
      expect(error.code).toBe('input_invalid');
      await expect(
        sql(`select create_token('aaaaaaaaaaaa', 'n', '${role}', sha256('x'))`),
      ).rejects.toMatchObject({ code: 'token_impossible' });
    }
  });

  test('says on which day it was used last', async () => {
    const claire = await book.connect();
    const { token, token_id } = await claire.createToken({ name: 'used', role: 'claire' });
    const day = async () => (await claire.tokens()).find((one) => one.token_id === token_id)!.last_used_day;
    expect(await day()).toBeNull();
    await findToken(database, 'main', `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`);
    expect(await day()).toBeNull();
    await findToken(database, 'main', token);
    expect(await day()).toBe(new Date().toISOString().slice(0, 10));
  });
});
