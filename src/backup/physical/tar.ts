import { damaged } from '../files.js';

/** A member of a tar as PostgreSQL writes it. */
export interface TarEntry {
  path: string;
  type: 'file' | 'directory' | 'link';
  bytes: number;
  mode: number;
}

/** Takes the content of one member, a piece after another. */
export interface Taker {
  write(piece: Buffer): Promise<void>;
  end(): Promise<void>;
}

const BLOCK = 512;

/**
 * Reads the tar of a base backup: plain ustar, whose names have at most 99 letters and whose files at most 1 GB, so none of
 * the ways in which tars say more. `take` says who takes the content of a file; directories have none.
 * @throws ClaireError backup_damaged
 */
export async function readTar(
  source: AsyncIterable<Buffer>,
  take: (entry: TarEntry) => Promise<Taker | undefined>,
): Promise<void> {
  const reader = new BlockReader(source);
  for (;;) {
    const header = await reader.block();
    // Two empty blocks end it, and the server is free to send one.
    if (header.every((byte) => byte === 0)) break;
    const entry = entryOf(header);
    const taker = await take(entry);
    await reader.body(entry.bytes, (piece) => taker?.write(piece));
    await taker?.end();
  }
  await reader.rest();
}

function entryOf(header: Buffer): TarEntry {
  const sum = octal(header, 148, 8);
  let found = 8 * 32;
  for (const [index, byte] of header.entries()) if (index < 148 || index >= 156) found += byte;
  if (sum !== found) throw damaged('base.tar: the header of a file is not whole.');
  const type = TYPES[String.fromCharCode(header[156]!)];
  const path = text(header, 0, 100).replace(/\/$/, '');
  if (!type) throw damaged(`base.tar: ${path} is neither file nor directory.`);
  return {
    path,
    type,
    bytes: type === 'file' ? octal(header, 124, 12) : 0,
    mode: octal(header, 100, 8) & 0o777,
  };
}

const TYPES: Record<string, TarEntry['type']> = { '0': 'file', '\0': 'file', '2': 'link', '5': 'directory' };

const text = (header: Buffer, from: number, length: number): string =>
  header.toString('utf8', from, from + length).split('\0')[0]!;

const octal = (header: Buffer, from: number, length: number): number =>
  Number.parseInt(text(header, from, length).trim() || '0', 8);

class BlockReader {
  readonly #source: AsyncIterator<Buffer>;
  #left: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next 512 bytes. */
  async block(): Promise<Buffer> {
    const pieces: Buffer[] = [];
    await this.#read(BLOCK, (piece) => void pieces.push(piece));
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  /** The next bytes, and what fills their last block. */
  async body(bytes: number, give: (piece: Buffer) => Promise<void> | undefined): Promise<void> {
    await this.#read(bytes, give);
    await this.#read((BLOCK - (bytes % BLOCK)) % BLOCK, () => {});
  }

  /** To the end of the source: what is not whole is told there. */
  async rest(): Promise<void> {
    while (!(await this.#source.next()).done);
  }

  async #read(bytes: number, give: (piece: Buffer) => Promise<void> | undefined | void): Promise<void> {
    for (let wanted = bytes; wanted > 0; ) {
      if (this.#left.length === 0) {
        const next = await this.#source.next();
        if (next.done) throw damaged('base.tar ends in the middle.');
        this.#left = next.value;
        continue;
      }
      const piece = this.#left.subarray(0, wanted);
      this.#left = this.#left.subarray(piece.length);
      wanted -= piece.length;
      await give(piece);
    }
  }
}
