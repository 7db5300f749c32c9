import { mkdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { type Candle, readCandles, symbolOf } from '../../src/services/index.js';
import { refusal } from '../harness/book.js';
import { collect, T0, useFiles } from './ground.js';

const files = useFiles();
const HEADER = 'timestamp,open,high,low,close,volume\n';
const line = (minute: number, prices = '100,110,90,105,3') => `${T0 + minute * 60_000},${prices}\n`;
const KLINE = '100,110,90,105,3,1705276859999,300,12,1,100,0\n';

/** Reads a bad file: what came before the bad line, and the error. */
async function readBad(name: string, content: string | Buffer) {
  const file = await files.write(name, content);
  const rows: Candle[] = [];
  const error = await refusal(collect(readCandles(file), rows));
  return { file, rows, error };
}

test('a file with times in milliseconds is read as decimal text', async () => {
  const file = await files.write(
    'BTCUSD.csv',
    `${HEADER}${line(0, '100.10,110,090.0,105,3.50000000')}${line(1)}`,
  );
  const [first, ...rest] = await collect(readCandles(file));
  expect(first).toEqual({
    symbol: 'BTCUSD',
    timestamp: T0,
    open: '100.1',
    high: '110',
    low: '90',
    close: '105',
    volume: '3.5',
  });
  expect(rest).toHaveLength(1);
});

test('a day is midnight UTC, and the adjusted close is not the close', async () => {
  const content =
    'date,open,high,low,close,adjclose,volume\n2020-04-17,2842.429932,2879,2830,2874.560059,1,5792140000';
  const file = await files.write('sp500-2000.csv', content);
  expect(await collect(readCandles(file))).toMatchObject([
    {
      symbol: 'SP500',
      timestamp: Date.UTC(2020, 3, 17),
      open: '2842.429932',
      close: '2874.560059',
      volume: '5792140000',
    },
  ]);
});

test.each([
  ['milliseconds', String(T0)],
  ['microseconds', `${T0}000`],
])("an exchange's 12 columns are read without a header, in %s", async (_, time) => {
  const file = await files.write('BTCUSDT-1m-2024-01.csv', `${time},${KLINE}`);
  expect(await collect(readCandles(file))).toMatchObject([
    { symbol: 'BTCUSDT', timestamp: T0, low: '90', volume: '3' },
  ]);
});

test('a byte order mark, CRLF, blank lines and a last line without its end change nothing', async () => {
  const plain = await files.write('A.csv', HEADER + line(0) + line(1));
  const odd = `\ufeff${HEADER}${line(0)}\n${line(1)}`.replaceAll('\n', '\r\n').trimEnd();
  const file = await files.write('a.csv', odd);
  expect(await collect(readCandles(file))).toEqual(await collect(readCandles(plain)));
});

test.each([
  ['the header is missing', line(0) + line(1), 1, 0, 'the header is missing'],
  ['the header is unknown', `time,o,h,l,c,v\n${line(0)}`, 1, 0, 'is not a header of candles'],
  ['the header is quoted', `"timestamp","open"\n${line(0)}`, 1, 0, 'is quoted'],
  [
    'a column is missing',
    HEADER + line(0) + line(1, '100,110,90,105') + line(2),
    3,
    1,
    '5 columns where 6 belong',
  ],
  [
    'a column is too many',
    HEADER + line(0) + line(1, '1,1,1,1,1,1') + line(2),
    3,
    1,
    '7 columns where 6 belong',
  ],
  ['a price is NaN', HEADER + line(0) + line(1) + line(2, 'NaN,110,90,105,3'), 4, 2, 'open: '],
  ['a price is negative', HEADER + line(0, '100,110,-90,105,3'), 2, 0, 'low -90 is not above 0'],
  ['a price is zero', HEADER + line(0, '100,110,90,0.000,3'), 2, 0, 'close 0 is not above 0'],
  ['a price is quoted', HEADER + line(0) + line(1, '"100",110,90,105,3'), 3, 1, 'open: '],
  ['the volume is negative', HEADER + line(0, '100,110,90,105,-3'), 2, 0, 'volume -3 is below 0'],
  [
    'the high is below the low',
    HEADER + line(0) + line(1, '100,90,110,105,3'),
    3,
    1,
    'high 90 is below low 110',
  ],
  ['the open is above the high', HEADER + line(0, '111,110,90,105,3'), 2, 0, 'open 111 is above high 110'],
  ['the close is below the low', HEADER + line(0, '100,110,90,89,3'), 2, 0, 'close 89 is below low 90'],
  ['times are not sorted', HEADER + line(0) + line(2) + line(1), 4, 2, 'comes after'],
  ['a time is there twice', HEADER + line(0) + line(1) + line(1), 4, 2, 'is there twice'],
  ['times are seconds', `${HEADER}1705276800,1,1,1,1,1\n`, 2, 0, 'looks like seconds'],
  [
    'a day does not exist',
    'date,open,high,low,close,adjclose,volume\n2023-02-30,1,1,1,1,1,1\n',
    2,
    0,
    'is not a day',
  ],
  ['the file is empty', '', 1, 0, 'the file is empty'],
  ['only the header is there', HEADER, 1, 0, 'no candle follows'],
  ['the file was cut in mid-line', HEADER + line(0) + line(1).slice(0, 18), 3, 1, 'the file was cut off'],
  [
    'the file was cut before a value',
    HEADER + line(0) + line(1, '100,110,90,105,').trim(),
    3,
    1,
    'volume is missing',
  ],
])('where %s, the line is named and the candles before it stand', async (_, content, at, before, found) => {
  const { file, rows, error } = await readBad('BAD.csv', content);
  expect(error.code).toBe('candle_file_invalid');
  expect(error.message).toContain(`${file}, line ${at}: `);
  expect(error.message).toContain(found);
  expect(error.details).toEqual({ file, line: at });
  expect(rows).toHaveLength(before);
});

test('lines are counted as an editor counts them, also after blank ones and with CRLF', async () => {
  const content = `${HEADER}\n${line(0)}\n\n${line(1, '1,1,1,1,x')}`;
  expect((await readBad('LF.csv', content)).error.details).toMatchObject({ line: 6 });
  expect((await readBad('CRLF.csv', content.replaceAll('\n', '\r\n'))).error.details).toMatchObject({
    line: 6,
  });
});

test.each([
  ['with line ends', Buffer.from(Array.from({ length: 9000 }, (_, at) => (at * 7919 + 14) % 256))],
  ['without any line end', Buffer.alloc(300_000, 0xc3)],
])('binary rubbish %s is refused at its first line', async (_, content) => {
  const { error, rows } = await readBad('RUBBISH.csv', content);
  expect(error.code).toBe('candle_file_invalid');
  expect(error.details).toMatchObject({ line: 1 });
  expect(rows).toEqual([]);
});

test('what is not a file is named as what it is', async () => {
  await mkdir(files.path('DIRECTORY'));
  const missing = await refusal(collect(readCandles(files.path('MISSING.csv'))));
  expect(missing.message).toContain('there is no such file');
  const directory = await refusal(collect(readCandles(files.path('DIRECTORY'))));
  expect(directory.message).toContain('this is a directory');
  expect((await refusal(collect(readCandles('/dev/null')))).code).toBe('candle_file_invalid');
});

test('the symbol is the name of the file without interval and date', () => {
  const names = [
    'BTCUSD.csv',
    'x/ethusdt.csv',
    'BTCUSDT-1m-2024-01.csv',
    'BTCUSDT-1d-2024-01-02.csv',
    'BTC-USD.csv',
  ];
  expect(names.map(symbolOf)).toEqual(['BTCUSD', 'ETHUSDT', 'BTCUSDT', 'BTCUSDT', 'BTC-USD']);
});

test('a name that gives no symbol is refused', async () => {
  const error = await refusal((async () => symbolOf('my candles of last week.csv'))());
  expect(error.code).toBe('candle_file_invalid');
});

test('progress ends at the size of the file', async () => {
  const content = HEADER + line(0) + line(1) + line(2);
  const file = await files.write('BYTES.csv', content);
  const told: number[] = [];
  await collect(readCandles(file, { onBytes: (bytes) => told.push(bytes) }));
  expect(told).toHaveLength(3);
  expect(told.at(-1)).toBe(Buffer.byteLength(content));
});
