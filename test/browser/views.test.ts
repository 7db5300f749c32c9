import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { hasChromium, PATIENT, screenshot, useDesk } from './desk.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Each view with what of the replayed record must stand there. */
const VIEWS: [view: string, texts: string[]][] = [
  ['now', ['SP500', '0.7377297', '2,508.590088', '1,850.66', 'Running', '3,850.66 of 5,000']],
  ['trades', ['+584.88', '−145.53', '183 trades', 'SP500, 5,105 candles', '2020-03-16']],
  [
    'why?id=rsi14-SP500-1579824000000',
    ['Position limit exceeded', 'Confidence too low', '122', '2,000.0193075817458, limit 4,000'],
  ],
  ['risk', ['196 events', 'signal rejected 157', 'version 2', '−2 % of the capital']],
  ['machine', ['of 30', 'checks of the record', 'claire_reader', 'Schema version']],
];

const SIZES = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const;
const LOOKS = (['wide', 'phone'] as const).flatMap((size) =>
  (['light', 'dark'] as const).map((colours) => [size, colours] as const),
);

/** Everything that was asked for is there: no panel loads, none failed. */
const settled = async (page: Page): Promise<void> => {
  await expect.poll(() => page.locator('.skeleton').count(), PATIENT).toBe(0);
  expect(await page.locator('.failure').allTextContents()).toEqual([]);
};

describe.skipIf(!hasChromium)('the views of the replayed record', () => {
  const desk = useDesk('--open');

  describe.each(LOOKS)('%s, %s', (size, colours) => {
    test.each(VIEWS)('%s shows what is recorded, fits, and can be used by everybody', async (view, texts) => {
      const page = await desk.open({ view, viewport: SIZES[size], colorScheme: colours });
      if (size === 'wide') for (const text of texts) await page.getByText(text).first().waitFor();
      await settled(page);
      const beyond = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
      expect(await page.evaluate(beyond)).toBe(0);
      expect(await seriousFindings(page)).toEqual([]);
      await screenshot(page, `${view.split('?')[0]}-${size}-${colours}`);
      expect(desk.complaints).toEqual([]);
    });
  });

  test('the five views are reached by the keyboard alone', async () => {
    const page = await desk.open();
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
    await page.getByRole('tab', { name: 'Now' }).focus();
    const seen: string[] = [];
    for (let step = 0; step < 6; step++) {
      await page.keyboard.press('ArrowRight');
      seen.push(await page.getByRole('tab', { selected: true }).innerText());
    }
    expect(seen).toEqual(['Trades', 'Why', 'Risk', 'Machine', 'Now', 'Trades']);
    await page.keyboard.press('End');
    await page.getByText('The doctor').waitFor();
  });

  test('the colours that were chosen stay, without a flash of the others', async () => {
    const page = await desk.open({ colorScheme: 'light' });
    await page.getByRole('button', { name: 'Use dark colours' }).click();
    await page.reload({ waitUntil: 'commit' });
    await page.waitForSelector('body');
    expect(await page.evaluate("getComputedStyle(document.body).backgroundColor === 'rgb(13, 17, 23)'")).toBe(
      true,
    );
    await page.getByRole('button', { name: 'Use light colours' }).waitFor();
  });

  test('an id that does not exist is answered with a sentence and what to do', async () => {
    const page = await desk.open({ view: 'why?id=nobody' });
    await page.getByText('There is no signal, order or trade nobody.').waitFor();
    // The browser tells of the 404 itself.
    desk.complaints.length = 0;
    await page.getByText('Confidence too low').waitFor();
  });

  test('risk events are found by what their details contain', async () => {
    const page = await desk.open({ view: 'risk' });
    await page.getByText('196 events').waitFor();
    await page.getByLabel('Field of the details').fill('max_position');
    await page.getByLabel('Value of the field').fill('4000');
    await page.getByRole('button', { name: 'Search' }).click();
    const found = desk.run('risk-events', '--contains', '{"max_position": 4000}', '--limit', '500', '--json');
    await page.getByText(`${JSON.parse(found).length} events`).waitFor();
    expect(page.url()).toContain('field=max_position');

    const claire = await desk.service();
    await claire.recordRiskEvent({
      ...{
        event_type: 'signal_rejected',
        symbol: 'SP500',
        reason: 'by hand',
        timestamp: Date.UTC(2026, 0, 5),
      },
      details: { batch: '007', lot: '4000' },
    });
    // Text that looks like a number is found as text, and a number is sent to its last digit.
    const finds: [field: string, value: string, found: string][] = [
      ['batch', '007', '1 event'],
      ['lot', '"4000"', '1 event'],
      ['lot', '4000', 'No event is like this.'],
      ['lot', '0.12345678901234567891', 'No event is like this.'],
    ];
    for (const [field, value, found] of finds) {
      await page.getByLabel('Field of the details').fill(field);
      await page.getByLabel('Value of the field').fill(value);
      const wanted = `{"${field}": ${value === '007' ? '"007"' : value}}`;
      // What was searched before may be asked for once more.
      await Promise.all([
        page.waitForRequest((one) => new URL(one.url()).searchParams.get('contains') === wanted),
        page.getByRole('button', { name: 'Search' }).click(),
      ]);
      await page.getByText(found, { exact: found.endsWith('event') }).waitFor();
    }
  });

  test('the trades are exported as they are recorded, every page of them', async () => {
    const page = await desk.open({ view: 'trades' });
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Export CSV' }).click(),
    ]);
    const lines = readFileSync(await download.path(), 'utf8')
      .trimEnd()
      .split('\r\n');
    expect(lines).toHaveLength(184);
    expect(lines[0]).toMatch(/^trade_id,order_id,symbol,side,quantity,entry_price/);
    expect(lines[1]).toBe(
      'trd-rsi14-SP500-1584057600000,ord-rsi14-SP500-1584057600000,SP500,BUY,0.7377297,2508.590088,1584316800000,,,OPEN,,,,',
    );
  });
});

async function seriousFindings(page: Page): Promise<string[]> {
  // The policy of the page forbids scripts that it did not load: this one comes by the debugger.
  await page.evaluate(AXE);
  return page.evaluate(`axe.run().then(({ violations }) => violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => id + ': ' + nodes.map(({ target, failureSummary }) => target + ' ' + failureSummary).join('; ')))`);
}
