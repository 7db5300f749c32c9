import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Claire, connect } from '../../src/index.js';
import { createBook } from '../../src/schema/index.js';
import { ask, claire, json, useServer } from './cli-run.js';

const desk = useServer();
let services: Claire;
let operatorUrl: string;
const on = (...args: string[]) => [...desk.there, '--book', 'desk', ...args];
/** As whom the command works where it is not told a database: who is recorded then is this login. */
const operator = (...args: string[]) => ['--database-url', operatorUrl, '--book', 'desk', ...args];
const set = (...given: string[]) => operator('limits', 'set', ...given, '--reason', 'test');
const T = Date.now();

/** What is recorded of limits, capital and halts. */
const recorded = async () => {
  const [row] = await desk.database.query<Record<string, number>>(
    `select (select count(*) from desk.limits) as limits, (select count(*) from desk.capital) as capital,
       (select count(*) from desk.halts) as halts`,
  );
  return row!;
};

const signal = (signal_id: string, price: number, symbol = signal_id.toUpperCase()) =>
  services.recordSignal({ signal_id, symbol, side: 'BUY', price, confidence: 0.9, timestamp: T });

beforeAll(async () => {
  await createBook(desk.database, 'desk');
  operatorUrl = await desk.login('claire_operator', 'desk');
  services = await connect({
    service: 'tests',
    book: 'desk',
    databaseUrl: desk.server.url('postgres', { showSecrets: true }),
  });
  await signal('known', 10);
});
afterAll(() => services?.close());

describe('what makes no sense is refused, and nothing is written', () => {
  test.each([
    ['NaN', ['max_exposure=NaN'], 2, /max_exposure: a decimal is wanted, found NaN/],
    ['infinity', ['max_exposure=Infinity'], 2, /max_exposure: a decimal is wanted/],
    ['a negative limit', ['max_exposure=-5000'], 4, /limits_max_exposure_check/],
    ['a limit of zero', ['max_order_size=0'], 4, /limits_max_order_size_check/],
    ['half a trade', ['max_open_trades=2.5'], 2, /max_open_trades: a whole number is wanted/],
    ['a drawdown that is a gain', ['max_drawdown=5'], 4, /limits_max_drawdown_check/],
    ['a percent without capital', ['max_drawdown_pct=-5'], 4, /claire capital set/],
    ['a time zone that is none', ['time_zone=Mars/Base'], 4, /Mars\/Base is no time zone/],
    ['a word that is none', ['enforce_halts=maybe'], 2, /enforce_halts: on or warn or off is wanted/],
    ['a limit that does not exist', ['max_exposre=1'], 2, /There is no limit max_exposre/],
    ['one that is given twice', ['max_exposure=1', 'max_exposure=2'], 2, /given twice/],
    ['what is no limit', ['max_exposure'], 2, /NAME=VALUE/],
    ['one of two', ['max_exposure=1', 'max_position=-1'], 4, /limits_max_position_check/],
    ['an unknown symbol', ['max_position=1', '--symbol', 'DOGE'], 4, /symbol DOGE\.\n.*--new-symbol/],
    ['a limit of the book for a symbol', ['max_exposure=1', '--symbol', 'KNOWN'], 4, /without a symbol/],
  ])('%s', async (_, given, code, found) => {
    const before = await recorded();
    const ended = await ask(...set(...given));
    expect(ended.code).toBe(code);
    expect(ended.stderr).toMatch(found);
    expect(await recorded()).toEqual(before);
  });

  test.each([
    ['capital that is no number', ['capital', 'set', 'NaN'], 2, /amount/],
    ['capital of nothing', ['capital', 'set', '0'], 4, /capital is above 0/],
    ['a time that is none', ['capital', 'set', '1', '--since', 'yesterday'], 2, /since/],
    ['a halt that ends before it begins', ['halt', '--until', '2020-01-01'], 4, /ends after it begins/],
    ['a halt for a time that is none', ['halt', '--until', 'noon'], 2, /until/],
    ['a release of what is not there', ['reservations', 'release', 'nobody'], 4, /reserves nothing/],
  ])('%s', async (_, given, code, found) => {
    const before = await recorded();
    const ended = await ask(...operator(...given, '--reason', 'test'));
    expect(ended.code).toBe(code);
    expect(ended.stderr).toMatch(found);
    expect(await recorded()).toEqual(before);
  });

  test.each([
    ['an id and --not-traded', ['why', 'known', '--not-traded'], /one of them/],
    ['neither', ['why'], /one of them/],
    ['a filter beside an id', ['why', 'known', '--since', '1d'], /--since belongs to --not-traded/],
    ['a unit that is none', ['why', '--not-traded', '--since', '1y'], /since/],
  ])('why with %s', async (_, given, found) => {
    const ended = await ask(...on(...given));
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringMatching(found) });
  });
});

describe('limits', () => {
  test('are shown as none where none is set, and replay says how to set one', async () => {
    expect((await ask(...on('limits', 'show'))).stdout).toMatch(
      /^No limit: max_exposure, .*max_signal_age_ms$/m,
    );
    expect((await ask(...on('status'))).stdout).toMatch(/^limits +none is set/m);
    const { stderr } = await ask(...on('replay', '/nowhere/KNOWN.csv'));
    expect(stderr).toMatch(/^Book desk has no limits.*\n.*claire limits set max_exposure=/);
  });

  test('are set as a version that says what changed; the same again changes nothing', async () => {
    const given = operator(
      ...['limits', 'set', 'max_exposure=1000.50', 'max_open_trades=7', '--reason', 'first week'],
    );
    const { code, stdout } = await ask(...given);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^Version (\d+) of the limits of book desk:\nmax_exposure +1000\.5 \(before: none\)\nmax_open_trades +7 /,
    );
    const before = await recorded();
    expect((await ask(...given)).stdout).toMatch(/^Nothing changed/);
    expect(await recorded()).toEqual(before);
    expect(await json(...set('max_open_trades='))).toMatchObject({
      symbol: null,
      changed: [{ name: 'max_open_trades', before: 7, after: null }],
    });
    expect((await ask(...set('max_position=400', '--symbol', 'NEW', '--new-symbol'))).stdout).toMatch(
      /of the limits of NEW:\nmax_position +400/,
    );
  });

  test('are shown with their meaning, what counts toward them, and who set them', async () => {
    const { stdout } = await ask(...on('limits', 'show'));
    expect(stdout).toMatch(/^max_exposure +1000\.5 +Largest gross exposure/m);
    expect(stdout).toMatch(
      /^Limits of NEW, version \d+:\nmax_position +400 .*\nAs the book: max_order_size$/m,
    );
    expect(stdout).toMatch(/^Set .* by claire_operator_desk: test$/m);
    expect(stdout).toMatch(/^exposure +0 of open trades, and 0 that/m);
    const document = await json<{ limits: object[]; state: object }>(...on('limits', 'show'));
    expect(document).toMatchObject({
      limits: [
        { symbol: null, max_exposure: '1000.5' },
        { symbol: 'NEW', max_position: '400' },
      ],
      state: { halted: false, exposure: '0' },
    });
    const history = await ask(...on('limits', 'history', '--limit', '4'));
    expect(history.stdout).toMatch(/^version +symbol +max_exposure .* reason +actor +created_at\n/);
    expect(history.stdout).toMatch(/ 7 .* first week +claire_operator_desk /);
    expect((await ask(...on('status'))).stdout).toMatch(/^limits +2 set$/m);
  });

  test('in percent stand on the capital, which has versions too', async () => {
    const capital = operator('capital', 'set', '10000.0', '--since', '2w', '--reason', 'opening balance');
    expect((await ask(...capital)).stdout).toMatch(
      /^Version \d+ of the capital of book desk: 10000 from 20.*on\.$/m,
    );
    const from = ['--since', '2024-01-01', '--reason', 'opening balance'];
    expect(await json(...operator('capital', 'set', '10000', ...from))).toMatchObject({ changed: true });
    expect((await ask(...operator('capital', 'set', '10000', ...from))).stdout).toMatch(/^Nothing changed/);
    const tooMuch = await ask(...set('max_drawdown_pct=-101'));
    expect(tooMuch).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/limits_max_drawdown_pct_check/),
    });
    expect(await recorded()).toMatchObject({ limits: 4, capital: 2 });
    expect((await ask(...set('max_drawdown_pct=-5'))).code).toBe(0);
    expect((await ask(...on('capital', 'history'))).stdout).toMatch(
      /^version +amount +since .*\n.* 10000 +2024-01-01T00:00:00\.000Z +opening balance +claire_operator_desk /,
    );
  });
});

describe('a halt', () => {
  test('holds with who and why, cancels what it is told to, and ends by a resume', async () => {
    await signal('waits', 20);
    await services.decide({ signal_id: 'waits', quantity: 1 });
    const halt = ['--reason', 'late prices', '--cancel-pending'];
    const { code, stdout } = await ask(...operator('halt', ...halt));
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^Book desk is halted\.\nHALTED since .* by claire_operator_desk: late prices\n1 order cancelled: ord-waits\n$/,
    );
    expect((await ask(...operator('halt', '--reason', 'again'))).stdout).toMatch(
      /^Book desk was halted already:\nHALTED since .*: late prices\n$/,
    );
    expect((await ask(...on('status'))).stdout).toMatch(/^trading +HALTED since .*: late prices$/m);
    expect(await json(...on('status'))).toMatchObject({
      risk: { halted: true, halt: { reason: 'late prices', actor: 'claire_operator_desk' } },
    });
    expect((await ask(...on('up', '--exit-when-done'))).stdout).toMatch(
      /^trading is HALTED since .*prices$/m,
    );
    expect((await ask(...on('halts', '--limit', '1'))).stdout).toMatch(/^halt +hand +late prices /m);
    const resume = operator('resume', '--reason', 'prices are back');
    expect((await ask(...resume)).stdout).toBe('Book desk trades again.\n');
    expect(await json(...resume)).toEqual({ book: 'desk', resumed: false });
  });

  test('by the circuit breaker is resumed with --despite-limit only', async () => {
    await services.openTrade({
      ...{ trade_id: 'crash', symbol: 'CRASH', side: 'BUY', quantity: 1 },
      ...{ entry_price: 900, entry_timestamp: T },
    });
    await services.closeTrade({ trade_id: 'crash', exit_price: 100, exit_timestamp: Date.now() });
    expect((await ask(...on('status'))).stdout).toMatch(
      /^trading +HALTED since .* by the circuit breaker, postgres: Daily drawdown exceeded -5%$/m,
    );
    const resume = operator('resume', '--reason', 'hedged elsewhere');
    const refused = await ask(...resume);
    expect(refused).toMatchObject({ code: 4, stderr: expect.stringMatching(/"daily_pnl": -800/) });
    expect((await ask(...resume, '--despite-limit')).code).toBe(0);
    expect(await json(...on('halts', '--limit', '1'))).toMatchObject([
      { action: 'resume', despite_limit: true, reason: 'hedged elsewhere' },
    ]);
  });
});

describe('why', () => {
  beforeAll(async () => {
    await signal('bought', 300);
    await services.decide({ signal_id: 'bought', quantity: 2 });
    await signal('refused', 500);
    await services.decide({ signal_id: 'refused', quantity: 1 });
    await services.fillOrder({ order_id: 'ord-bought' });
    await services.openTrade({
      ...{ trade_id: 'T-1', order_id: 'ord-bought', symbol: 'BOUGHT', side: 'BUY', quantity: 2 },
      ...{ entry_price: 300, entry_timestamp: T },
    });
    await services.closeTrade({ trade_id: 'T-1', exit_price: 310, exit_timestamp: T + 1000, commission: 1 });
  });

  test('tells the chain of a trade from its signal to its profit, by any of its ids', async () => {
    const { code, stdout } = await claire(...on('why', 'T-1'));
    expect(code).toBe(0);
    for (const line of [
      /^Signal bought: BUY BOUGHT at 300, confidence 0\.9, 20/m,
      /^Order ord-bought: BUY 2 BOUGHT at the market, FILLED$/m,
      /^ {2}accepted, to open by postgres, .*limits version \d+ \(claire_operator_desk: test\)$/m,
      /^ {4}value +600 at price 300$/m,
      /^ {4}exposure +0, limit 1000\.5$/m,
      /^ {4}20.*Z {2}PENDING by postgres\n {4}20.*Z {2}FILLED by postgres$/m,
      /^ {4}entry +300, 20/m,
      /^ {4}profit +20 gross \(3\.3333 %\), 19 net of 1 commission$/m,
    ])
      expect(stdout).toMatch(line);
    for (const id of ['ord-bought', 'bought']) expect((await ask(...on('why', id))).stdout).toBe(stdout);
  });

  test('tells of a refusal every limit with the numbers of that moment, and its events', async () => {
    const { stdout } = await ask(...on('why', 'refused'));
    expect(stdout).toMatch(/^Order ord-refused: .*, REJECTED: Exposure limit exceeded$/m);
    expect(stdout).toMatch(/^ {4}exposure +600, limit 1000\.5$/m);
    expect(stdout).toMatch(/^ {4}broken +max_exposure: Exposure limit exceeded$/m);
    expect(stdout).toMatch(/^ {2}20.*exposure_limit_exceeded: .*"current_exposure":600/m);
    expect(await json(...on('why', 'refused'))).toMatchObject({
      signal: { signal_id: 'refused', price: '500' },
      orders: [
        { decision: { broken: ['max_exposure'], exposure: '600', limits: { max_exposure: '1000.50' } } },
      ],
    });
  });

  test('of a cancelled order names who and why, of an undecided signal that nobody decided it', async () => {
    expect((await ask(...on('why', 'waits'))).stdout).toMatch(
      / CANCELLED by claire_operator_desk: late prices$/m,
    );
    expect((await ask(...on('why', 'known'))).stdout).toMatch(/^Nobody has decided it/m);
    expect((await ask(...on('why', 'nobody'))).code).toBe(4);
  });

  test('groups what led to nothing by its reason', async () => {
    const since = ['why', '--not-traded', '--since', '1h'];
    const { stdout } = await ask(...on(...since));
    expect(stdout).toMatch(/^signals +reason +first +last +newest\n/);
    for (const [reason, id] of [
      ['Cancelled: late prices', 'waits'],
      ['Exposure limit exceeded', 'refused'],
      ['Not decided', 'known'],
    ])
      expect(stdout).toMatch(new RegExp(`^ +1 +${reason} +20\\S+ +20\\S+ +${id}$`, 'm'));
    expect(stdout).toMatch(/^3 signals led to nothing/m);
    expect(await json(...on(...since, '--symbol', 'REFUSED'))).toMatchObject([{ newest: ['refused'] }]);
    expect((await ask(...on('why', '--not-traded', '--until', '1h'))).stdout).toBe(
      'No such signal of book desk led to nothing.\n',
    );
  });

  test('a duration stands for a time in every read, and a decision is told with its time', async () => {
    expect(await json(...on('signals', '--since', '1h', '--symbol', 'KNOWN'))).toHaveLength(1);
    expect(await json(...on('signals', '--until', '1h'))).toEqual([]);
    expect(await json(...on('signals', '--without-order'))).toMatchObject([{ signal_id: 'known' }]);
    expect((await ask(...on('decisions', '--order-id', 'ord-refused'))).stdout).toMatch(/ 20\d\d-\d\d-\d\dT/);
    expect((await ask(...on('order-history', '--order-id', 'ord-waits'))).stdout).toMatch(
      /ord-waits +PENDING +CANCELLED +late prices +claire_operator_desk +20/,
    );
  });
});

test('a reservation is listed, by its age too, and released where its trade will not come', async () => {
  await signal('orphan', 5);
  await services.decide({ signal_id: 'orphan', quantity: 3 });
  const release = operator('reservations', 'release', 'ord-orphan', '--reason', 'closed another with it');
  expect((await ask(...release)).code).toBe(4);
  await services.fillOrder({ order_id: 'ord-orphan' });
  const list = ['reservations', 'list', '--symbol', 'ORPHAN'];
  expect((await ask(...on(...list))).stdout).toMatch(/ord-orphan +ORPHAN +BUY +FILLED +opening +3 +15 +20/);
  expect(await json(...on(...list, '--older-than', '1h'))).toEqual([]);
  expect((await ask(...release)).stdout).toBe('Order ord-orphan reserves nothing any more.\n');
  expect(await json(...on(...list))).toEqual([]);
  expect((await ask(...on('why', 'orphan'))).stdout).toMatch(
    /FILLED, reservation released by claire_operator_desk: closed another with it$/m,
  );
});
