import { describe, expect, test } from 'vitest';
import { hasChromium, PATIENT, useDesk } from './desk.js';

const GIVEN = 'grant select on demo.halts to claire_reader_demo';

describe.skipIf(!hasChromium)('a page whose server goes away', () => {
  const desk = useDesk('--open');

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'after %s it says since when it is lost, and goes on by itself with everything that came meanwhile',
    async (signal) => {
      const page = await desk.open();
      const state = page.locator('.connection');
      await state.getByText('live', { exact: true }).waitFor();
      const id = `while-away-${signal}`;
      await page.getByText('0.7377297', { exact: true }).waitFor();
      await desk.stop(signal);
      await state.getByText(/^reconnecting since \d+ s$/).waitFor();
      // What was known stays to be read.
      await page.getByText('0.7377297', { exact: true }).waitFor();

      // Written while nobody serves: what comes now comes after the id that the page heard last.
      await desk.start('database only');
      const claire = await desk.service();
      await claire.openTrade({
        ...{ trade_id: id, symbol: signal, side: 'SELL', quantity: '3.25' },
        ...{ entry_price: '7', entry_timestamp: Date.UTC(2026, 0, 5) },
      });
      await claire.close();
      await desk.stop();
      await desk.start();

      await state.getByText('live', { exact: true }).waitFor();
      const positions = page.getByRole('table', { name: /^Open positions/ });
      await positions.getByRole('row', { name: signal }).getByText('3.25').waitFor();
      // Who did it is told by the stream, and by no read.
      const events = page.getByRole('list', { name: 'Events' });
      await events.getByRole('listitem').filter({ hasText: id }).getByText('claire_demo').waitFor();
      await expect.poll(() => page.locator('.failure').count(), PATIENT).toBe(0);
    },
  );

  test('a panel that may not read what it shows says so, and the others go on', async () => {
    await desk.sql('revoke select on demo.halts from claire_reader_demo');
    try {
      const page = await desk.open({ view: 'risk' });
      const panel = page.getByRole('region', { name: 'Halts and resumptions' });
      await panel.getByRole('alert').waitFor();
      expect(await panel.getByRole('alert').textContent()).toContain('right_missing');
      await page.getByText('196 events').waitFor();
      await desk.sql(GIVEN);
      await panel.getByRole('button', { name: 'Ask again' }).click();
      await panel.getByText('Daily drawdown exceeded').waitFor();
    } finally {
      await desk.sql(GIVEN);
    }
  });
});
