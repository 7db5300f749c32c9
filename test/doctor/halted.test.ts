import { expect, test } from 'vitest';
import { useBook } from '../harness/book.js';
import { ask } from './ground.js';

const book = useBook();

test('a halt is told with who, since when and why, until trading is resumed', async () => {
  const claire = await book.connect();
  expect(await ask(book, 'halted')).toMatchObject({
    result: 'ok',
    sentence: 'Book main is trading; no limit at all is set.',
  });
  await claire.setLimits({ changes: { max_exposure: '1000' }, reason: 'a test' });
  expect((await ask(book, 'halted')).sentence).toBe('Book main is trading, within its limits.');

  await claire.halt({ reason: 'the feed is wrong' });
  const found = await ask(book, 'halted');
  expect(found).toMatchObject({
    result: 'warn',
    evidence: [{ cause: 'hand', reason: 'the feed is wrong', until: null, open_trades: 0 }],
    remedy: { decide: expect.stringContaining('claire resume --reason') },
  });
  expect(found.sentence).toMatch(/^Trading in book main was halted by \w+ at 20.*: the feed is wrong$/);

  await claire.resume({ reason: 'it is right again' });
  expect((await ask(book, 'halted')).result).toBe('ok');
});
