import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page, Request, Route } from 'playwright-core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { hasChromium, PATIENT, useDesk } from './desk.js';

const at = Date.UTC(2026, 0, 5);
const region = (page: Page, name: string) => page.getByRole('region', { name });
const bar = (page: Page, name: string) => page.locator('.bar').filter({ hasText: name });
const live = (page: Page) => page.locator('.connection').getByText('live', { exact: true });
const asks = (path: string) => (url: URL) => url.pathname === path;

/** Requests that wait until the test lets them go on. */
function gate() {
  const held: Route[] = [];
  let isOpen = false;
  return {
    held,
    hold: (route: Route) => (isOpen ? route.continue() : void held.push(route)),
    async open() {
      isOpen = true;
      await Promise.all(held.splice(0).map((route) => route.continue()));
    },
  };
}

/** A stream that says what the test says. */
async function ownStream() {
  let page: ServerResponse | undefined;
  const say = (event: string, data: object) =>
    page!.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  const server = createServer((_, response) => {
    page = response.writeHead(200, { 'content-type': 'text/event-stream' });
    say('hello', { at_ms: Date.now(), book: 'demo' });
  });
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return { say, instead: (route: Route) => route.continue({ url }) };
}

describe.skipIf(!hasChromium)('what the page shows is so, or it says that it does not know', () => {
  const desk = useDesk('--open');
  const trade = (trade_id: string, symbol: string, n = 0) => ({
    ...{ trade_id, symbol, side: 'BUY' as const, quantity: '1.5' },
    ...{ entry_price: '10.25', entry_timestamp: at + n },
  });

  test.each(['limits', 'capital'])(
    'without an answer of %s nothing is said to be without a limit, and no share is made up',
    async (name) => {
      const path = asks(`/v1/${name}`);
      const refuse = (route: Route) => route.fulfill({ status: 503, body: '' });
      const page = await desk.open({ prepare: (opened) => opened.route(path, refuse) });
      const drawdown = region(page, 'Drawdown against the breaker');
      await drawdown.getByRole('alert').waitFor();
      await drawdown.getByTitle('not known').first().waitFor();
      await bar(page, 'Open trades').waitFor();
      expect(await page.getByText('No drawdown is limited').count()).toBe(0);
      expect(await drawdown.locator('.track').count()).toBe(0);
      expect(await bar(page, 'Open trades').getByText('no limit').count()).toBe(name === 'limits' ? 0 : 1);
      await page.unroute(path);
      await drawdown.getByRole('button', { name: 'Ask again' }).click();
      await drawdown.getByText('% of the capital of').waitFor();
    },
  );

  test('a loss that is not known is no loss of 0, and the others are shown', async () => {
    const dayLong = (url: URL) =>
      url.pathname === '/v1/profit' && Number(url.searchParams.get('since')) % 86_400_000 !== 0;
    const page = await desk.open({
      prepare: (opened) => opened.route(dayLong, (route) => route.fulfill({ status: 503, body: '' })),
    });
    const [today, recent] = [bar(page, 'Today'), bar(page, 'Last 24 h')];
    await today.getByText(/^\d.* of \d/).waitFor();
    await recent.getByTitle('not known').first().waitFor();
    expect(await recent.textContent()).not.toMatch(/\d %|\b0 of/);
    await region(page, 'Drawdown against the breaker').getByRole('alert').waitFor();
  });

  test('a position that is opened between the reading and a slow stream is not missed', async () => {
    const stream = gate();
    const page = await desk.open({ prepare: (opened) => opened.route(asks('/v1/stream'), stream.hold) });
    const positions = page.getByRole('table', { name: /^Open positions/ });
    await positions.getByText('SP500').waitFor();
    await desk.service().then((claire) => claire.openTrade(trade('between', 'BETWEEN')));
    await stream.open();
    await live(page).waitFor();
    await positions.getByText('BETWEEN').waitFor();
  });

  test('an answer slower than what happens is shown, one is asked for at a time, and none for nobody', async () => {
    const page = await desk.open({ prepare: (opened) => opened.clock.install() });
    await live(page).waitFor();
    await bar(page, 'Open trades').waitFor();
    const slow = gate();
    let underWay = 0;
    let most = 0;
    await page.route(asks('/v1/risk-state'), (route) => {
      most = Math.max(most, ++underWay);
      return slow.hold(route);
    });
    const claire = await desk.service();
    const events = page.getByRole('list', { name: 'Events' });
    for (const [n, id] of ['slow-0', 'slow-1', 'slow-2'].entries()) {
      await claire.openTrade(trade(id, 'SLOW', n));
      await events.getByText(id).waitFor();
      await page.clock.fastForward(1500);
      await expect.poll(() => slow.held.length, PATIENT).toBeGreaterThan(0);
    }
    const first = slow.held.shift()!;
    const answer = await first.fetch();
    const body = await answer.json();
    underWay--;
    await first.fulfill({ json: { ...body, value: { ...body.value, open_trades: 4711 } } });
    await bar(page, 'Open trades').getByText('4,711').waitFor();
    expect(most).toBe(1);

    await page.clock.fastForward(60_000);
    await expect.poll(() => slow.held.length, PATIENT).toBe(1);
    const isOf = (request: Request) => new URL(request.url()).pathname === '/v1/risk-state';
    const [left] = await Promise.all([
      page.waitForEvent('requestfailed', isOf),
      page.getByRole('tab', { name: 'Machine' }).click(),
    ]);
    expect(left.failure()!.errorText).toContain('ABORTED');
  });

  test('a stream that is held back, or cannot read, is not live: since when and why is said, until it goes on', async () => {
    const stream = await ownStream();
    const page = await desk.open({ prepare: (opened) => opened.route(asks('/v1/stream'), stream.instead) });
    const state = page.locator('.connection');
    const panel = region(page, 'Open positions');
    await live(page).waitFor();
    await panel.getByText('live', { exact: true }).waitFor();

    // The clock of the server is another one.
    const alive = { at_ms: 5_000_000, held_since_ms: null, failing_since_ms: null };
    stream.say('alive', { ...alive, held_since_ms: 5_000_000 - 180_000 });
    await state.getByText('held back since 3 min').waitFor();
    await page
      .getByText(/Another transaction is open since .* what was committed after it follows/)
      .waitFor();
    expect(await page.getByText('live', { exact: true }).count()).toBe(0);

    stream.say('alive', { ...alive, failing_since_ms: 5_000_000 - 240_000 });
    await state.getByText('held back since 4 min').waitFor();
    await page.getByText('The server cannot read its log since').waitFor();

    stream.say('alive', alive);
    await live(page).waitFor();
    await panel.getByText('live', { exact: true }).waitFor();
    expect(await page.getByText('The server cannot read its log since').count()).toBe(0);
  });

  test('limits, their history and the capital follow what is set', async () => {
    const claire = await desk.service('claire_operator');
    const [risk, now] = [await desk.open({ view: 'risk' }), await desk.open()];
    await Promise.all([risk, now].map((page) => live(page).waitFor()));
    await region(risk, 'History of the limits').getByText('version 2').waitFor();
    await bar(now, 'Book').getByText('of 5,000').waitFor();
    await claire.setCapital({ amount: '123456', reason: 'more of it' });
    await claire.setLimits({ changes: { max_exposure: '7654' }, reason: 'more room' });
    await region(risk, 'History of the limits').getByText('more room').waitFor();
    await region(risk, 'Limits in force').getByText('7,654').waitFor();
    await bar(now, 'Book').getByText('of 7,654').waitFor();
    await region(now, 'Drawdown against the breaker').getByText('capital of 123,456').waitFor();
  });

  test('orders that a halt could not cancel are named before the dialog is left', async () => {
    const value = { halt_id: '1', cancelled: [], not_cancelled: ['ord-busy'] };
    const page = await desk.open();
    await page.route(asks('/v1/halt'), (route) => route.fulfill({ json: { value, at_ms: Date.now() } }));
    await page.getByRole('button', { name: 'Halt trading' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Reason').fill('late prices');
    await dialog.getByLabel('Cancel every PENDING order too').check();
    await dialog.getByRole('button', { name: 'Halt trading' }).click();
    await dialog.getByRole('alert').getByText('1 order could not be cancelled').waitFor();
    await dialog.getByRole('link', { name: 'ord-busy' }).waitFor();
    await dialog.getByRole('button', { name: 'Close' }).click();
    await expect.poll(() => page.getByRole('dialog').count(), PATIENT).toBe(0);
  });

  test('who has scrolled to the third page stays there while trades come: none is twice, none is missing', async () => {
    const claire = await desk.service();
    const many = Array.from({ length: 1600 }, (_, n) => trade(`paged-${n}`, 'PAGED', n));
    await claire.openTrades(many);
    const page = await desk.open({ view: 'trades?symbol=PAGED' });
    const table = page.getByRole('table', { name: /^Trades/ });
    const scrollTo = (row: number) => table.evaluate((element, top) => element.scrollTo({ top }), row * 32);
    await page.getByText('500 trades; more as you scroll').waitFor();
    await live(page).waitFor();
    await scrollTo(500);
    await page.getByText('1,000 trades; more as you scroll').waitFor();
    // The third page is on its way while the first one moves.
    const third = gate();
    await page.route((url) => url.searchParams.has('cursor'), third.hold);
    await scrollTo(900);
    await scrollTo(1000);
    await expect.poll(() => third.held.length, PATIENT).toBe(1);
    await claire.openTrades(['new-0', 'new-1'].map((id, n) => trade(id, 'PAGED', 5000 + n)));
    await page.getByText('1,002 trades; more as you scroll').waitFor();
    await third.open();
    await page.getByText('1,502 trades; more as you scroll').waitFor();

    await scrollTo(1200);
    await table.getByText('paged-390', { exact: true }).waitFor();
    const seen = await page.evaluate(FIRST_SEEN);
    await claire.openTrades(['new-2', 'new-3'].map((id, n) => trade(id, 'PAGED', 5002 + n)));
    const closing = { trade_id: 'paged-390', exit_price: '11', exit_timestamp: at + 86_400_000 };
    await claire.closeTrades([closing]);
    await page.getByText('1,504 trades; more as you scroll').waitFor();
    await table.getByRole('row').filter({ hasText: 'paged-390' }).getByText('CLOSED').waitFor();
    expect(await page.evaluate(FIRST_SEEN)).toEqual(seen);

    await scrollTo(1504);
    await page.getByText('1,604 trades, all').waitFor();
    const ids = (await page.evaluate(ALL_IDS)) as string[];
    expect(ids).toHaveLength(1604);
    expect(new Set(ids)).toEqual(
      new Set([...many.map((one) => one.trade_id), 'new-0', 'new-1', 'new-2', 'new-3']),
    );
    expect(desk.complaints.filter((one) => /key/.test(one))).toEqual([]);
  });
});

const TABLE = `document.querySelector('[role=table][aria-label^="Trades"]')`;

/** The trade that stands at the top of what is seen, and how much of it. */
const FIRST_SEEN = `(() => {
  const table = ${TABLE};
  const top = table.querySelector('.head').getBoundingClientRect().bottom;
  const row = [...table.querySelectorAll('.rows .row')].find((one) => one.getBoundingClientRect().bottom > top + 1);
  return [row.lastElementChild.textContent, Math.round(row.getBoundingClientRect().top - top)];
})()`;

/** Every trade of the table from the first to the last, as somebody sees them who scrolls through it. */
const ALL_IDS = `(async () => {
  const table = ${TABLE};
  const byPlace = new Map();
  for (let top = 0, still = 0; still < 30; ) {
    table.scrollTo({ top });
    await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
    for (const row of table.querySelectorAll('.rows .row'))
      byPlace.set(Number(row.getAttribute('aria-rowindex')), row.lastElementChild.textContent);
    const most = table.scrollHeight - table.clientHeight;
    still = top >= most ? still + 1 : 0;
    top = Math.min(most, top + 400);
  }
  return [...byPlace.keys()].sort((a, b) => a - b).map((place) => byPlace.get(place));
})()`;
