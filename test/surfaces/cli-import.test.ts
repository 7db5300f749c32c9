import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createBook } from '../../src/schema/index.js';
import { ask, type Ended, json, start, useServer } from './cli-run.js';
import { ground, repository } from './embedded-ground.js';

const T = 1705072800000;
const HEADER = 'signal_id,symbol,side,price,confidence,timestamp\n';
const line = (id: string, price = '100.50') => `${id},BTCUSDT,BUY,${price},0.85,${T}\n`;

const desk = useServer();
const on = (...args: string[]) => [...desk.there, '--book', 'desk', ...args];

beforeAll(() => createBook(desk.database, 'desk'));

async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(await ground(), name);
  await writeFile(path, content);
  return path;
}

const signals = async (begin: string) =>
  (
    await desk.database.query<{ text: string }>(
      `select concat_ws(' ', signal_id, symbol, price, confidence, metadata) as text
       from desk.signals where starts_with(signal_id, $1) order by signal_id`,
      [begin],
    )
  ).map(({ text }) => text);

/** The command with something on its standard input, which stays open where nothing follows. */
function piped(text: string, ...args: string[]): { child: ReturnType<typeof spawn>; ended: Promise<Ended> } {
  const child = spawn(process.execPath, ['bin/claire.js', ...args], { cwd: repository });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (part) => {
    stdout += part;
  });
  child.stderr.on('data', (part) => {
    stderr += part;
  });
  child.stdin.write(text);
  const ended = new Promise<Ended>((resolve) =>
    child.on('close', (code) => resolve({ code, stdout, stderr })),
  );
  return { child, ended };
}

describe('an import', () => {
  test('records each row once, however often it is run', async () => {
    const path = await file('a.csv', `${HEADER}${line('a1')}${line('a2')}`);
    const first = await ask(...on('import', 'signals', path));
    expect(first).toEqual({
      code: 0,
      stdout:
        '2 rows of signals read into book desk:\n' +
        'recorded          2\nalready recorded  0\nin conflict       0\nrefused           0\n',
      stderr: '',
    });
    expect(await json(...on('import', 'signals', path))).toMatchObject({
      finished: true,
      rows: 2,
      recorded: 0,
      already_recorded: 2,
    });
    expect(await signals('a')).toHaveLength(2);
  });

  test('takes what a spreadsheet makes of a file: mark, CRLF, quotes, another order, empty cells and lines', async () => {
    const text =
      '\ufeff"timestamp","symbol",metadata,signal_id,side,price,confidence\r\n' +
      `${T},BTCUSDT,"{""note"": ""a,b"",\r\n""exact"": 0.10000000000000000000001}",b1,BUY,"43250.50",1\r\n\r\n` +
      `2024-01-12T15:20:00Z,BTCUSDT,,b2,SELL,1,0.333333333333333333`;
    expect(await json(...on('import', 'signals', await file('b.csv', text)))).toMatchObject({ recorded: 2 });
    expect(await signals('b')).toEqual([
      'b1 BTCUSDT 43250.5 1 {"note": "a,b", "exact": 0.10000000000000000000001}',
      'b2 BTCUSDT 1 0.333333333333333333',
    ]);
  });

  test('keeps every digit of JSON lines, in money and inside a JSON field', async () => {
    const row = (id: string, price: string, metadata = 'null') =>
      `{"signal_id":"${id}","symbol":"X","side":"BUY","price":${price},"confidence":1e-2,"timestamp":${T},"metadata":${metadata}}`;
    const text = `${row('c1', '123456789012.12345678', '{"n":1.00000000000000000001}')}\n\n${row('c2', '5E-8')}`;
    expect(await json(...on('import', 'signals', await file('c.ndjson', text)))).toMatchObject({
      recorded: 2,
    });
    expect(await signals('c')).toEqual([
      'c1 X 123456789012.12345678 0.01 {"n": 1.00000000000000000001}',
      'c2 X 0.00000005 0.01',
    ]);
  });

  test('brings a history in the order of its tables, and closes rows one after the other', async () => {
    const order = `order_id,symbol,side,quantity\nd1,X,BUY,2\n`;
    const trade = `trade_id,order_id,symbol,side,quantity,entry_price,entry_timestamp\ndt1,d1,X,BUY,2,100,${T}\n`;
    const close = `{"trade_id":"dt1","exit_price":110,"exit_timestamp":${T + 1}}\n{"trade_id":"dt1","exit_price":111,"exit_timestamp":${T + 1}}\n`;
    const event = `event_id,event_type,reason,timestamp,details\nd,signal_rejected,because,${T},"{""a"":1}"\n`;
    const candle = `symbol,timestamp,open,high,low,close,volume\nX,${T},1,2,1,2,0\n`;
    const all: [what: string, name: string, text: string][] = [
      ['orders', 'orders.csv', order],
      ['fills', 'fills.csv', 'order_id\nd1\n'],
      ['trades', 'trades.csv', trade],
      ['closes', 'closes.jsonl', close],
      ['risk-events', 'events.csv', event],
      ['candles', 'candles.csv', candle],
    ];
    for (const [what, name, text] of all) {
      const result = await json(...on('import', what, await file(name, text)));
      expect({ what, ...(result as object) }).toMatchObject({ recorded: 1, refused: 0 });
    }
    const [row] = await desk.database.query(`select pnl from desk.trades where trade_id = 'dt1'`);
    expect(row).toEqual({ pnl: '20' });
  });

  test('with nothing but a header has nothing to do', async () => {
    expect(await json(...on('import', 'signals', await file('h.csv', HEADER)))).toMatchObject({ rows: 0 });
  });
});

describe('a row that does not stand in the record', () => {
  const bad = `${HEADER}${line('e1')}${line('e2', 'NaN')}${line('e1', '7')}${line('e3', '-1')}${line('e4')}`;

  test('does not stop the others; it is shown with its line, and the exit code is 4', async () => {
    const { code, stdout } = await ask(...on('import', 'signals', await file('e.csv', bad)));
    expect(code).toBe(4);
    expect(stdout).toMatch(/^recorded +2$/m);
    expect(stdout).toMatch(/^line 3, e2: .*price: a decimal is wanted, found NaN/m);
    expect(stdout).toMatch(/^line 4, e1: .*differs in price/m);
    expect(stdout).toMatch(/^line 5, e3: .*signals_price_check/m);
    expect((await signals('e')).map((text) => text.slice(0, 2))).toEqual(['e1', 'e4']);
  });

  test('goes to a file as a JSON line, in the order of the file, whatever stood there before', async () => {
    const path = await file('f.csv', bad);
    const refused = await file('refused.jsonl', 'of last week\n');
    const { code, stdout } = await ask(...on('import', 'signals', path, '--refused', refused));
    expect(code).toBe(4);
    expect(stdout).toContain(refused);
    const rows = (await readFile(refused, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text));
    expect(rows).toEqual([
      expect.objectContaining({ line: 3, id: 'e2', code: 'input_invalid' }),
      expect.objectContaining({ line: 4, id: 'e1', code: 'id_conflict', fields: ['price'] }),
      expect.objectContaining({ line: 5, id: 'e3', law: 'signals_price_check' }),
    ]);
  });

  test('is the later one where two batches hold the same id', async () => {
    const rows = Array.from({ length: 1500 }, (_, n) => line(`g${n}`)).join('');
    const path = await file('g.csv', `${HEADER}${rows}${line('g999', '7')}${line('g1001', '7')}`);
    const { stdout } = await ask(...on('import', 'signals', path));
    expect(stdout).toMatch(/^recorded +1,500$/m);
    expect(stdout).toMatch(/^line 1502, g999: .*\nline 1503, g1001: /m);
  });

  test('may not be written over the file that is imported', async () => {
    const path = await file('o.csv', bad);
    expect(await ask(...on('import', 'signals', path, '--refused', path))).toMatchObject({ code: 2 });
    expect(await readFile(path, 'utf8')).toBe(bad);
  });
});

describe('where a source cannot be used from a line on', () => {
  const two = `${HEADER}${line('x1')}${line('x2')}`;
  test.each([
    [
      'the last line was cut',
      'x.csv',
      `${two}x3,BTCUSDT,BU`,
      4,
      '3 columns where 6 belong: the file was cut off',
    ],
    ['a line lacks a column', 'x.csv', `${two}x3,X,BUY,1,1\n${line('x4')}`, 4, '5 columns where 6 belong'],
    ['a line has a column too many', 'x.csv', `${two}x3,X,BUY,1,0,5,${T}\n`, 4, '7 columns where 6 belong'],
    ['a quote is not closed', 'x.csv', `${two}"x3,BTCUSDT\n${line('x4')}`, 4, 'a quote is not closed'],
    ['a quote stands in a cell', 'x.csv', `${two}x3,B"T,BUY,1,1,${T}\n`, 4, 'a quote stands in a cell'],
    ['a line has no end', 'x.csv', `${two}${'x'.repeat(1_100_000)}`, 4, 'it is longer than 1000000'],
    [
      'bytes are not UTF-8',
      'x.csv',
      Buffer.from(`${two}\xe9,X,BUY,1,1,${T}\n`, 'latin1'),
      4,
      'this is not UTF-8',
    ],
  ])('because %s, it is named and the rows before it are recorded', async (_, name, text, at, found) => {
    const path = await file(name, text);
    const { code, stdout, stderr } = await ask(...on('import', 'signals', path));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`${path}, line ${at}: ${found}`);
    expect(stderr).toMatch(/Rows before it: (2 recorded, 0|0 recorded, 2) already recorded, /);
    expect(await signals('x')).toHaveLength(2);
  });

  test.each([
    ['a line that is no JSON', 'y.jsonl', `{}\n{"signal_id": "y1",`, 2, 'not JSON'],
    ['a line that is no object', 'y.jsonl', `\n[1]\n`, 2, 'not a JSON object'],
    [
      'JSON in a cell that is none',
      'y.csv',
      `${HEADER.trim()},metadata\ny1,X,BUY,1,1,${T},{a}\n`,
      2,
      'metadata',
    ],
    ['a column that is not known', 'y.csv', `signal_id,pair\n`, 1, 'no column "pair"'],
    ['columns parted by semicolons', 'y.csv', HEADER.replaceAll(',', ';'), 1, 'no column "signal_id;'],
    ['a column that is there twice', 'y.csv', `signal_id,${HEADER}`, 1, 'signal_id is there twice'],
    [
      'a column that every row needs',
      'y.csv',
      'signal_id,symbol\ny1,X\n',
      1,
      'side, price, confidence, timestamp',
    ],
  ])('because of %s, it is named with its line', async (_, name, text, at, found) => {
    const path = await file(name, text);
    const { code, stdout } = await ask(...on('import', 'signals', path, '--json'));
    expect(code).toBe(2);
    const { error } = JSON.parse(stdout);
    expect(error).toMatchObject({
      code: 'import_file_invalid',
      details: { file: path, line: at, recorded: 0 },
    });
    expect(error.message).toContain(found);
  });

  test.each([
    ['an empty file', ['signals', 'EMPTY'], 'it is empty'],
    ['a file that is not there', ['signals', '/none/s.csv'], 'there is no such file'],
    ['a directory', ['signals', '/tmp', '--format', 'csv'], 'this is a directory'],
    ['a name that tells no format', ['signals', 'notes.txt'], '--format csv or --format jsonl'],
    ['standard input without a format', ['signals', '-'], '--format csv or --format jsonl'],
    ['rows that nobody knows', ['wishes', 's.csv'], 'signals, orders, fills'],
    ['a trade without an id of its own', ['trades', 'NO_ID'], 'trade_id is left out'],
  ])('%s is refused, and it is said what to do', async (_, args, found) => {
    const trade = `{"symbol":"X","side":"BUY","quantity":1,"entry_price":1,"entry_timestamp":${T}}`;
    const made: Record<string, string> = {
      EMPTY: await file('m.csv', ''),
      NO_ID: await file('t.jsonl', trade),
    };
    const { code, stderr } = await ask(...on('import', ...args.map((arg) => made[arg] ?? arg)));
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(found) });
  });
});

describe('as a process of its own', () => {
  test('reads standard input to its end', async () => {
    const { child, ended } = piped(HEADER + line('p1'), ...on('import', 'signals', '-', '--format', 'csv'));
    child.stdin!.end();
    expect(await ended).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^recorded +1$/m),
    });
  });

  test('ended by Ctrl-C it leaves whole batches, and the same import again brings the rest', async () => {
    const text = HEADER + Array.from({ length: 2500 }, (_, n) => line(`q${n}`)).join('');
    const { child, ended } = piped(text, ...on('import', 'signals', '-', '--format', 'csv'));
    while ((await signals('q')).length < 2000) await new Promise((done) => setTimeout(done, 20));
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 130, stdout: expect.stringContaining('2,000 rows') });
    expect(await signals('q')).toHaveLength(2000);
    const { code, stdout } = await start(on('import', 'signals', await file('q.csv', text), '--json')).ended;
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, recorded: 500, already_recorded: 2000 });
  });
});
