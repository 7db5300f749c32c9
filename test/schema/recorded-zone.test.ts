import { describe, expect, test } from 'vitest';
import { examine, LATEST_VERSION, migrate, recognise } from '../../src/schema/index.js';
import { refusal, useBook } from '../harness/book.js';
import { byHand } from '../harness/hand-made.js';
import { fillWithOldRows, MANY } from '../harness/old-data.js';
import { useSchemas } from './by-hand.js';

const book = useBook();
const { schemaOf } = useSchemas(book);

describe('the zone in which the server wrote', () => {
  const LOCAL = '2024-07-01 12:00:00';
  const berlin = async (rows: number) => {
    const name = await schemaOf(...byHand('1.0'));
    await fillWithOldRows(book, name, rows);
    await book.sql(`update signals set created_at = '${LOCAL}' where id = 1`, name);
    await book.sql(
      `update orders set created_at = '${LOCAL}', updated_at = '2024-01-01 12:00:00' where id = 1`,
      name,
    );
    return name;
  };

  test.each([
    ['small', 50],
    ['large', MANY],
  ])('is brought to UTC once, also where the migration was interrupted: %s', async (_, rows) => {
    const name = await berlin(rows);
    const options = { recordedIn: 'Europe/Berlin' };
    for (const file of [7, 8, 9, 11]) {
      const cut = migrate(book.database, name, {
        ...(file === 7 ? options : {}),
        onFile: ({ number }) => {
          if (number === file) throw new Error('cut');
        },
      });
      await expect(cut).rejects.toThrow('cut');
    }
    await migrate(book.database, name);
    expect(await book.sql('select created_at::text as at from signals where id = 1', name)).toEqual([
      { at: '2024-07-01 10:00:00' },
    ]);
    expect(
      await book.sql(
        'select created_at::text as at, updated_at::text as moved from orders where id = 1',
        name,
      ),
    ).toEqual([{ at: '2024-07-01 10:00:00', moved: '2024-01-01 11:00:00' }]);
    expect(
      await book.sql('select table_name, row_id, column_name, before, after from corrections', name),
    ).toContainEqual({
      table_name: 'orders',
      row_id: null,
      column_name: 'updated_at',
      before: 'Europe/Berlin',
      after: 'UTC',
    });
  });

  test('is asked for again where nothing has kept it yet, and not after the first step', async () => {
    const [row] = await book.database.query<{ name: string }>('select current_database() as name');
    const database = row!.name;
    await book.database.query(`alter database ${database} set timezone to 'Europe/Berlin'`);
    try {
      const name = await berlin(50);
      const cutAtFile = migrate(book.database, name, {
        recordedIn: 'Europe/Berlin',
        onFile: ({ number }) => {
          if (number === 5) throw new Error('cut');
        },
      });
      await expect(cutAtFile).rejects.toThrow('cut');
      expect((await refusal(migrate(book.database, name))).code).toBe('recorded_zone_unknown');
      const cutAfterStep = migrate(book.database, name, {
        recordedIn: 'Europe/Berlin',
        afterStep: () => {
          throw new Error('cut');
        },
      });
      await expect(cutAfterStep).rejects.toThrow('cut');
      await migrate(book.database, name);
      expect(await book.sql('select created_at::text as at from signals where id = 1', name)).toEqual([
        { at: '2024-07-01 10:00:00' },
      ]);
    } finally {
      await book.database.query(`alter database ${database} reset timezone`);
    }
  });

  test('is known to a plan as it is to the run that goes on', async () => {
    const name = await berlin(50);
    const cut = migrate(book.database, name, {
      recordedIn: 'Europe/Berlin',
      afterStep: ({ statements }) => {
        if (statements.some((sql) => sql.includes('recorded_utc'))) throw new Error('cut');
      },
    });
    await expect(cut).rejects.toThrow('cut');
    const seen = await book.database.session(async (session) =>
      examine(session, name, await recognise(session, name), { to: LATEST_VERSION }),
    );
    expect(seen).toMatchObject({ zone: 'Europe/Berlin', refusals: [] });
  });

  test('cannot become another one on the way', async () => {
    const name = await berlin(50);
    const cut = migrate(book.database, name, {
      recordedIn: 'Europe/Berlin',
      onFile: ({ number }) => {
        if (number === 7) throw new Error('cut');
      },
    });
    await expect(cut).rejects.toThrow('cut');
    const other = await refusal(migrate(book.database, name, { recordedIn: 'Asia/Tokyo' }));
    expect(other).toMatchObject({
      code: 'input_invalid',
      message: expect.stringMatching(/Europe\/Berlin.*Asia\/Tokyo/),
    });
  });
});
