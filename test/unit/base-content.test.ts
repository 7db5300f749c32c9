import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { readManifest } from '../../src/backup/physical/manifest.js';
import { segmentBefore, segmentName } from '../../src/backup/physical/segments.js';
import { unpackBase } from '../../src/backup/physical/unpack.js';
import { refusal } from '../harness/book.js';

const MB = 1024 ** 2;
const SEGMENT = 'pg_wal/000000010000000000000003';

interface Member {
  path: string;
  content: Buffer;
  type?: string;
}

/** A member as PostgreSQL writes it. */
function packed({ path, content, type = '0' }: Member): Buffer {
  const header = Buffer.alloc(512);
  header.write(path, 0);
  header.write('0000600\0', 100);
  header.write(content.length.toString(8).padStart(11, '0'), 124);
  header.write(' '.repeat(8), 148);
  header.write(type, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0`, 148);
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

const sha256 = (content: Buffer | string) => createHash('sha256').update(content).digest('hex');

const MEMBERS: Member[] = [
  { path: 'backup_label', content: Buffer.from('label') },
  { path: 'base', content: Buffer.alloc(0), type: '5' },
  { path: 'base/1', content: Buffer.alloc(1500, 7) },
  { path: SEGMENT, content: Buffer.alloc(MB, 1) },
];

const LISTED = MEMBERS.filter(({ path, type }) => type === undefined && path !== SEGMENT);

function manifestOf(members = LISTED): string {
  const files = members.map(({ path, content }) =>
    JSON.stringify({
      ...{ Path: path, Size: content.length, 'Checksum-Algorithm': 'SHA256', Checksum: sha256(content) },
    }),
  );
  const ranges = '[{ "Timeline": 1, "Start-LSN": "0/300028", "End-LSN": "0/300100" }]';
  const text = `{ "PostgreSQL-Backup-Manifest-Version": 2,\n"Files": [${files.join(',\n')}],\n"WAL-Ranges": ${ranges},\n`;
  return `${text}"Manifest-Checksum": "${sha256(text)}"}\n`;
}

async function* pieces(all: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < all.length; at += 700) yield all.subarray(at, at + 700);
}

const check = (members: Member[], keep = 1) => {
  const all = Buffer.concat([...members.map(packed), Buffer.alloc(1024)]);
  const source = pieces(all.subarray(0, Math.floor(all.length * keep)));
  return unpackBase({ source, manifest: readManifest(manifestOf()), segmentBytes: MB });
};

test('a tar that holds what the list says is whole', async () => {
  await check(MEMBERS);
});

const other = (path: string, change: Partial<Member>) =>
  MEMBERS.map((member) => (member.path === path ? { ...member, ...change } : member));

test.each([
  ['a file has changed', other('base/1', { content: Buffer.alloc(1500, 8) }), 'base/1 has changed'],
  ['a file has another size', other('base/1', { content: Buffer.alloc(1501, 7) }), 'base/1 has 1501 bytes'],
  ['a file is missing', MEMBERS.slice(1), 'backup_label is missing'],
  ['a file is not in the list', [...MEMBERS, { ...MEMBERS[2]!, path: 'base/2' }], 'base/2 is not in'],
  ['a file is there twice', [...MEMBERS, MEMBERS[2]!], 'base/1 twice'],
  ['a file of the log is missing', MEMBERS.slice(0, 3), `${SEGMENT} is missing`],
  ['a file of the log is short', other(SEGMENT, { content: Buffer.alloc(99) }), `${SEGMENT} has 99 bytes`],
  ['a name leads out', [{ path: '../x', content: Buffer.alloc(0) }], 'leads out'],
  ['a link leads out', [{ path: 'x', content: Buffer.alloc(0), type: '2' }], 'x is a link'],
])('%s: it is refused by name', async (_, members, name) => {
  const refused = await refusal(check(members));
  expect(refused.code).toBe('backup_damaged');
  expect(refused.message).toContain(name);
});

test('a tar that ends too early is refused', async () => {
  expect((await refusal(check(MEMBERS, 0.5))).message).toContain('ends in the middle');
});

test('a list that was changed is refused', async () => {
  const changed = manifestOf().replace('"Size": 5', '"Size": 6').replace('"Size":5', '"Size":6');
  expect((await refusal(Promise.resolve().then(() => readManifest(changed)))).code).toBe('backup_damaged');
});

test('files of the log have the names that PostgreSQL gives them', () => {
  expect(segmentName({ timeline: 1, number: segmentBefore('0/300028', MB) }, MB)).toBe(SEGMENT.slice(7));
  expect(segmentName({ timeline: 2, number: segmentBefore('1/0', MB) }, MB)).toBe('000000020000000000000FFF');
  expect(segmentName({ timeline: 2, number: segmentBefore('1/1', 16 * MB) }, 16 * MB)).toBe(
    '000000020000000100000000',
  );
});
