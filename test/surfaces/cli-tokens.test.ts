import { expect, test } from 'vitest';
import { findToken } from '../../src/operations/index.js';
import { createBook } from '../../src/schema/index.js';
import { ask, json, useServer } from './cli-run.js';

const desk = useServer();

test('a token is made, shown once, listed without its secret, and revoked', async () => {
  await createBook(desk.database, 'desk');
  const url = await desk.login('claire_operator', 'desk');
  const on = (...args: string[]) => ['--database-url', url, '--book', 'desk', 'tokens', ...args];
  const made = await ask(...on('create', 'desk page', '--role', 'claire_operator'));
  expect(made.code).toBe(0);
  const token = made.stdout.trim().split('\n').at(-1)!;
  const found = (await findToken(desk.database, 'desk', token))!;
  expect(found).toMatchObject({ name: 'desk page', role: 'claire_operator' });
  const listed = await ask(...on('list'));
  expect(listed.stdout).toContain(found.token_id);
  expect(listed.stdout).toContain('claire_operator_desk');
  expect(listed.stdout).not.toContain(token.slice(-43));
  const second = await json<{ token: string; token_id: string }>(
    ...on('create', 'bot', '--role', 'signal_engine'),
  );
  expect(await findToken(desk.database, 'desk', second.token)).toMatchObject({ token_id: second.token_id });
  expect((await ask(...on('create', 'bot', '--role', 'signal_engine'))).stderr).toContain('holds already');
  expect((await ask(...on('create', 'n', '--role', 'claire_owner'))).code).toBe(2);
  expect((await ask(...on('revoke', found.token_id))).stdout).toContain('is revoked');
  expect(await findToken(desk.database, 'desk', token)).toBeUndefined();
  expect((await ask(...on('revoke', 'nothing'))).code).toBe(4);
});
