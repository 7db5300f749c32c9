import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { reportHtml } from '../../src/bench/index.js';
import { HOSTILE, sampleReport } from '../harness/bench-report.js';
import { ground, needs } from './embedded-ground.js';

const CHROMIUM = '/usr/bin/chromium';

describe.skipIf(!needs(existsSync(CHROMIUM), CHROMIUM))('the report in a browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  });
  afterAll(() => browser?.close());

  async function open(
    colorScheme: 'light' | 'dark',
  ): Promise<{ page: Page; said: string[]; asked: string[] }> {
    const file = join(await ground(), 'report.html');
    await writeFile(file, await reportHtml(sampleReport()));
    const page = await browser.newPage({ colorScheme });
    const [said, asked]: [string[], string[]] = [[], []];
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(error.message));
    page.on('dialog', (dialog) => said.push(dialog.message()));
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(pathToFileURL(file).href);
    return { page, said, asked };
  }

  test.each(['light', 'dark'] as const)(
    'it draws every chart, alone and without a word: %s',
    async (scheme) => {
      const { page, said, asked } = await open(scheme);
      const titles = await page.locator('.charts figcaption').allTextContents();
      expect(titles).toEqual([
        'seed-queries: last 100 signals of a symbol',
        'seed-queries: last 100 signals of a symbol, 100k rows',
        'seed-queries: last 100 signals of a symbol, 10m rows',
        `${HOSTILE}: ${HOSTILE}, 1k rows`,
      ]);
      await expect.poll(() => page.evaluate(PAINTED)).toEqual(titles.map(() => true));
      expect(await page.locator('td.missed').allTextContents()).toEqual(['missed']);
      expect(await page.locator('pre').first().textContent()).toContain('Seq Scan');
      expect(said).toEqual([]);
      expect(asked).toEqual([page.url()]);
      await page.close();
    },
  );
});

/** Runs in the page: whether each canvas holds more than one colour. */
const PAINTED = `[...document.querySelectorAll('.charts canvas')].map((canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return new Set(new Uint32Array(data.buffer)).size > 10;
})`;
