import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { hasChromium, PATIENT, screenshot, useDesk } from './desk.js';

const MANY = 10_000;
const name = (n: number): string => `S${String(n).padStart(5, '0')}`;
const at = Date.UTC(2026, 0, 5);

describe.skipIf(!hasChromium)('ten thousand open positions', () => {
  const desk = useDesk('--open');

  const trade = (n: number, quantity = '1.5') => ({
    ...{ trade_id: `many-${n}`, symbol: name(n), side: 'BUY' as const, quantity },
    ...{ entry_price: '10.25', entry_timestamp: at + n },
  });
  beforeAll(async () => {
    const claire = await desk.service();
    for (let from = 0; from < MANY; from += 2000)
      await claire.openTrades(Array.from({ length: 2000 }, (_, n) => trade(from + n)));
    await claire.close();
  });

  const table = (page: Page) => page.getByRole('table', { name: /^Open positions/ });
  const drawn = (page: Page) => table(page).getByRole('row').count();

  test('only those that are seen are drawn, and the last one is reached', async () => {
    const page = await desk.open();
    await page.getByText('10,001 positions').waitFor();
    expect(await table(page).getAttribute('aria-rowcount')).toBe('10002');
    expect(await drawn(page)).toBeLessThan(60);
    await table(page).evaluate((element) => element.scrollTo({ top: element.scrollHeight }));
    await table(page).getByText('SP500').waitFor();
    await table(page)
      .getByText(name(MANY - 1))
      .waitFor();
    expect(await drawn(page)).toBeLessThan(60);
    await screenshot(page, 'now-ten-thousand');
    expect(desk.complaints).toEqual([]);
  });

  test('wherever it is scrolled to, no row is missing from what is seen', async () => {
    const page = await desk.open();
    await page.getByText('10,001 positions').waitFor();
    for (const row of [17, 4999, 250, 9990, 0]) {
      await table(page).evaluate((element, top) => element.scrollTo({ top }), row * 32);
      await table(page).getByText(name(row)).waitFor();
      await expect.poll(() => page.evaluate(HOLES), PATIENT).toEqual([]);
    }
  });

  test('a position moves on the page with its commit, and leaves it when it is closed', async () => {
    const page = await desk.open();
    await page.getByText('10,001 positions').waitFor();
    await page.getByLabel('Symbol').fill('S04711');
    const row = table(page).getByRole('row').nth(1);
    await row.getByText('1.5', { exact: true }).waitFor();
    await page.getByText('live', { exact: true }).first().waitFor();
    const claire = await desk.service();
    await claire.openTrade({ ...trade(4711, '0.25'), trade_id: 'more' });
    await row.getByText('1.75', { exact: true }).waitFor();
    await claire.closeTrades(
      ['more', 'many-4711'].map((trade_id) => ({
        trade_id,
        exit_price: '11',
        exit_timestamp: at + 86_400_000,
      })),
    );
    await page.getByText('10,000 positions').waitFor();
    expect(await table(page).getByRole('row').count()).toBe(1);
  });

  test('an export has every page, and says how far it is', async () => {
    const page = await desk.open({ view: 'trades?status=OPEN' });
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Export CSV' }).click(),
    ]);
    const lines = (await readFile(await download.path(), 'utf8')).trimEnd().split('\r\n');
    expect(new Set(lines).size).toBe(1 + MANY);
  });
});

/** Places within the table, below its head, where no row is. */
const HOLES = `(() => {
  const table = document.querySelector('.positions .table');
  const box = table.getBoundingClientRect();
  const places = [];
  for (let y = box.top + 40; y < box.bottom - 4; y += 16)
    if (!document.elementFromPoint(box.left + 60, y)?.closest('.rows .row')) places.push(y);
  return places;
})()`;
