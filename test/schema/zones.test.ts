import { describe, expect, test } from 'vitest';
import { Database, identifier } from '../../src/database/index.js';
import { refusal, useBook } from '../harness/book.js';
import { byHand } from '../harness/hand-made.js';
import { ROW, useSchemas } from './by-hand.js';

const book = useBook();
const { schemaOf, look, withLogin } = useSchemas(book);

describe('the zone of old rows', () => {
  /** The zone of the file's database, for connections opened within `work`. */
  async function inZone<T>(zone: string, work: (database: Database) => Promise<T>): Promise<T> {
    const [row] = await book.database.query<{ name: string }>('select current_database() as name');
    await book.database.query(`alter database ${row!.name} set timezone to '${zone}'`);
    const database = new Database({ databaseUrl: book.url, applicationName: 'tests', connections: 2 });
    try {
      return await work(database);
    } finally {
      await database.close();
      await book.database.query(`alter database ${row!.name} reset timezone`);
    }
  }

  test('is UTC where the server says so', async () => {
    expect(await look(await schemaOf(...byHand('1.0'), ROW))).toMatchObject({ zone: 'UTC' });
  });

  test('is asked for where the database says otherwise, and is what was answered', async () => {
    const name = await schemaOf(...byHand('1.0'), ROW);
    await inZone('Europe/Berlin', async (database) => {
      const error = await refusal(look(name, {}, database));
      expect(error).toMatchObject({
        code: 'recorded_zone_unknown',
        message: expect.stringMatching(/Europe\/Berlin is set by database test_\w+\./),
        remedy: expect.stringContaining('--recorded-in'),
      });
      expect(await look(name, { recordedIn: 'europe/berlin' }, database)).toMatchObject({
        zone: 'Europe/Berlin',
      });
      expect(await look(name, { recordedIn: 'UTC' }, database)).toMatchObject({ zone: 'UTC' });
      expect(await look('main', {}, database)).toMatchObject({ zone: 'UTC' });
      expect(await look(name, { to: '1.1' }, database)).toMatchObject({ zone: 'UTC' });
    });
  });

  test('is not asked for where there is no row with a time', async () => {
    const name = await schemaOf(...byHand('1.0'), ROW, 'update risk_events set created_at = null');
    await inZone('Europe/Berlin', (database) => look(name, {}, database));
    await book.sql(
      `insert into orders (order_id, symbol, side, quantity, status, created_at) values ('o', 'X', 'BUY', 1, 'FILLED', null)`,
      name,
    );
    const error = await inZone('Europe/Berlin', (database) => refusal(look(name, {}, database)));
    expect(error.code).toBe('recorded_zone_unknown');
  });

  test.each([
    ['Europe/London', false],
    ['Africa/Lagos', false],
    ['Etc/Zulu', true],
    ['GMT', true],
    ['Atlantic/Reykjavik', true],
    ['<+00>-00', true],
    ['<+02>-02', false],
  ])('%s is UTC: %s', async (zone, isUtc) => {
    const name = await schemaOf(...byHand('1.0'), ROW);
    const seen = inZone(zone, (database) => look(name, {}, database));
    if (isUtc) expect(await seen).toMatchObject({ zone: 'UTC' });
    else expect((await refusal(seen)).code).toBe('recorded_zone_unknown');
  });

  test("counts a login that may write here, and not one that may not; what this connection set is nobody's", async () => {
    const name = await schemaOf(...byHand('1.0'), ROW);
    await withLogin(async (login) => {
      await book.database.query(`alter role ${login} set timezone to 'Asia/Tokyo'`);
      expect(await look(name)).toMatchObject({ zone: 'UTC' });
      await book.database.query(`grant usage on schema ${name} to ${login}`);
      await book.database.query(`grant insert on ${identifier(name)}.signals to ${login}`);
      expect((await refusal(look(name))).message).toContain(`Asia/Tokyo is set by login ${login}.`);
    });
    expect(await look(name, {}, book.database, `set timezone to 'Asia/Tokyo'`)).toMatchObject({
      zone: 'UTC',
    });
  });

  test("is asked for where this connection's own options or login hide the server's", async () => {
    const name = await schemaOf(...byHand('1.0'), ROW);
    const url = new URL(book.url);
    url.searchParams.set('options', '-c timezone=UTC');
    const database = new Database({ databaseUrl: url.href, applicationName: 'tests', connections: 1 });
    const error = await refusal(look(name, {}, database)).finally(() => database.close());
    expect(error).toMatchObject({
      code: 'recorded_zone_unknown',
      message: expect.stringMatching(/unknown: the server, hidden/),
    });
    await withLogin(async (login, own) => {
      await book.database.query(`grant postgres to ${login}`);
      await book.database.query(`alter role ${login} set timezone to 'UTC'`);
      expect((await refusal(look(name, {}, own))).code).toBe('recorded_zone_unknown');
    });
  });

  test.each(['Europe/Nowhere', 'Berlin1', 'CEST', ''])('%j is no zone', async (recordedIn) => {
    const name = await schemaOf(...byHand('1.0'));
    const error = await refusal(look(name, { recordedIn }));
    expect(error).toMatchObject({
      code: 'input_invalid',
      message: expect.stringContaining(JSON.stringify(recordedIn)),
    });
  });
});
