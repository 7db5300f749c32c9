import { describe, expect, test } from 'vitest';
import type { Queryable } from '../../src/database/index.js';
import { LATEST_VERSION, preflight, recognise } from '../../src/schema/index.js';
import { refusal, useBook } from '../harness/book.js';
import { byHand } from '../harness/hand-made.js';
import { ROW, useSchemas } from './by-hand.js';

const book = useBook();
const { schemaOf, look, withLogin } = useSchemas(book);

describe('rights', () => {
  test('a login that owns the objects and is no superuser may go on', async () => {
    await withLogin(async (login, database) => {
      const name = await schemaOf();
      await book.database.query(`alter schema ${name} owner to ${login}`);
      await database.session(async (session) => {
        await session.query(`set search_path to ${name}`);
        for (const statement of [...byHand('1.1'), ROW]) await session.query(statement);
        await session.query('reset search_path');
      });
      expect(await look(name, {}, database)).toMatchObject({ zone: 'UTC', dependents: [] });
    });
  });

  test('each object of another owner is named, and each right on the schema, before anything is done', async () => {
    await withLogin(async (login, database) => {
      const name = await schemaOf(...byHand('1.1'), ROW);
      await book.database.query(`grant usage on schema ${name} to ${login}`);
      await book.sql(`alter table trades owner to ${login}`, name);
      const error = await refusal(look(name, {}, database));
      expect(error.code).toBe('right_missing');
      for (const part of [
        `no CREATE on schema ${name}`,
        'orders is owned by postgres',
        'orders_id_seq is owned by',
        'positions_realtime is owned by',
        'calculate_pnl() is owned by',
      ])
        expect(error.message).toContain(part);
      expect(error.message).not.toContain('trades is owned');
      expect(error.message).not.toContain('trades_id_seq is owned');
      expect(error.message).not.toContain('USAGE');
    });
  });

  test('a member of the owner has its rights', async () => {
    await withLogin(async (login, database) => {
      const name = await schemaOf(...byHand('1.0'));
      await book.database.query(`create role owner_${login}`);
      await book.database.query(`grant owner_${login} to ${login}`);
      await book.database.query(`alter schema ${name} owner to owner_${login}`);
      for (const table of ['signals', 'orders', 'trades', 'risk_events'])
        await book.sql(`alter table ${table} owner to owner_${login}`, name);
      await look(name, {}, database);
      await book.database.query(`drop owned by owner_${login} cascade`);
      await book.database.query(`drop role owner_${login}`);
    });
  });

  test('a schema that is not there wants CREATE on the database', async () => {
    expect(await look('not_there')).toEqual({ zone: 'UTC', warnings: [], dependents: [] });
    await withLogin(async (_, database) => {
      const error = await refusal(look('not_there', {}, database));
      expect(error).toMatchObject({
        code: 'right_missing',
        message: expect.stringMatching(
          /no CREATE on database test_\w+, where schema not_there is to be made/,
        ),
      });
    });
  });
});

describe('warnings', () => {
  test('of what clients will notice, where there are rows', async () => {
    const name = await schemaOf(...byHand('1.0'), ROW);
    const { warnings } = await look(name);
    expect(warnings).toEqual([
      expect.stringMatching(/^A prepared `select \*`/),
      expect.stringMatching(/id becomes the last column/),
      expect.stringMatching(/prepared statement that returns id/),
      expect.stringMatching(/seconds become milliseconds/),
      expect.stringMatching(/cannot be closed until it is corrected/),
    ]);
  });

  test("of the user's triggers that fire on UPDATE and of publications, not of ours", async () => {
    const name = await schemaOf(
      ...byHand('1.1'),
      'create function audit() returns trigger language plpgsql as $$ begin return null; end; $$',
      'create trigger audit after insert or update on trades for each row execute function audit()',
      'create trigger on_insert after insert on trades for each row execute function audit()',
      'create publication outwards for table signals, orders',
    );
    expect((await look(name)).warnings).toEqual([
      'Trigger audit on trades fires for every row that is rewritten.',
      expect.stringMatching(/^Publication outwards sends orders, signals: /),
    ]);
    await book.database.query('drop publication outwards');
  });
});

test('everything that is found is named at once, and nothing was changed', async () => {
  await withLogin(async (login, database) => {
    const name = await schemaOf(...byHand('1.0'), ROW, 'create view mine as select id from trades');
    await book.database.query(`alter role ${login} set timezone to 'Asia/Tokyo'`);
    await book.database.query(`grant usage on schema ${name} to ${login}`);
    await book.database.query(`grant insert on ${name}.signals to ${login}`);
    const statements: string[] = [];
    const error = await database.session(async (session) => {
      const listening: Queryable = {
        query: (text, values) => {
          statements.push(text);
          return session.query(text, values);
        },
      };
      const state = await recognise(session, name);
      return refusal(preflight(listening, name, state, { to: LATEST_VERSION }));
    });
    expect(error.code).toBe('right_missing');
    expect((error.details!.refusals as { code: string }[]).map(({ code }) => code)).toEqual([
      'right_missing',
      'schema_depended_on',
      'recorded_zone_unknown',
    ]);
    for (const part of ['owned by postgres', 'view ', '.mine (trades.id)', 'Asia/Tokyo', '--recorded-in'])
      expect(error.message).toContain(part);
    expect(statements.every((text) => /^\s*(select|with)\b/.test(text))).toBe(true);
  });
});
