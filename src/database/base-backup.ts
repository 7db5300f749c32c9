import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { Client, type Connection, type Submittable } from 'pg';
import { ClaireError, fromPostgres } from '../errors/index.js';
import { parseDatabaseUrl } from './connection-string.js';
import { identifier, literal } from './identifiers.js';

/** What a base backup consists of: the files of the cluster as a tar, and the list of them with their checksums. */
export type BasePart = 'base.tar' | 'backup_manifest';

export interface BaseBackupOptions {
  /** Of the server itself, with a login that may replicate. */
  databaseUrl: string;
  label: string;
  signal?: AbortSignal | undefined;
  /** Told of the process on the server that sends it, before it begins. */
  onProcess?: ((pid: number) => void) | undefined;
  /** Bytes of files so far, and how many the server takes it for. */
  onProgress?: ((bytes: number, total: number) => void) | undefined;
}

type Store = (part: BasePart, content: Readable) => Promise<void>;

export interface BaseBackup {
  system_identifier: string;
  server_version: string;
  major: number;
  wal_segment_bytes: number;
  start_lsn: string;
  end_lsn: string;
  /** At the end. */
  timeline: number;
}

/** The connection as the driver has it; only its own file knows the stream. */
type Wire = Connection & { query(text: string): void; stream: { pause(): void; resume(): void } };

/**
 * Streams a base backup with its log in constant memory. `store` is given each part as it begins, and must read it to its
 * end. Nothing counts until this resolves: a connection that is cut looks to `store` like an end of the part.
 * @throws ClaireError backup_right_missing, backup_unfit, backup_failed
 */
export async function baseBackup(options: BaseBackupOptions, store: Store): Promise<BaseBackup> {
  options.signal?.throwIfAborted();
  const client = new Client({
    ...parseDatabaseUrl(options.databaseUrl),
    application_name: 'claire backup',
    // Not in the types of the driver.
    ...({ replication: 'true' } as object),
    keepAlive: true,
  });
  client.on('error', () => {});
  // Ends the connection, and with it the backup on the server.
  const cut = () => void client.end().catch(() => {});
  options.signal?.addEventListener('abort', cut, { once: true });
  try {
    await client.connect();
    const identity = await identify(client);
    const { processID } = client as Client & { processID: number };
    await keepLog(client);
    options.onProcess?.(processID);
    return { ...identity, ...(await stream(client, options, store)) };
  } catch (error) {
    options.signal?.throwIfAborted();
    throw asRefusal(error);
  } finally {
    options.signal?.removeEventListener('abort', cut);
    // Not politely: where the work failed the server would send the rest first.
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  }
}

async function stream(client: Client, options: BaseBackupOptions, store: Store): Promise<Positions> {
  const query = new BaseBackupQuery(options, store);
  client.query(query);
  try {
    return await query.done;
  } finally {
    // Nobody takes a directory away into which a part is still written.
    await Promise.allSettled(query.stored);
  }
}

async function identify(client: Client) {
  const first = async (command: string) => (await client.query<Record<string, string>>(command)).rows[0]!;
  const { systemid } = await first('IDENTIFY_SYSTEM');
  const { wal_segment_size } = await first('SHOW wal_segment_size');
  const { server_version_num } = await first('SHOW server_version_num');
  const { server_version } = await first('SHOW server_version');
  const major = Math.floor(Number(server_version_num) / 10_000);
  if (major < 15) throw new ClaireError('server_too_old', { found: `This is ${server_version}.` });
  const wal_segment_bytes = toBytes(wal_segment_size!);
  return { system_identifier: systemid!, server_version: server_version!, major, wal_segment_bytes };
}

/** As the server shows a size: `1MB`, `16MB`, `1GB`. */
function toBytes(text: string): number {
  const [, count, unit] = /^(\d+)(MB|GB)$/.exec(text) ?? [];
  return Number(count) * (unit === 'GB' ? 1024 ** 3 : 1024 ** 2);
}

/** The log since the last checkpoint stays until the connection ends, however much is written meanwhile. */
const keepLog = (client: Client) => {
  const name = `claire_backup_${randomBytes(8).toString('hex')}`;
  return client.query(`CREATE_REPLICATION_SLOT ${identifier(name)} TEMPORARY PHYSICAL RESERVE_WAL`);
};

/** What the server says to a login that may not, or that its pg_hba.conf does not let in for this. */
function asRefusal(error: unknown): unknown {
  const { code, message } = error as { code?: string; message: string };
  if (error instanceof ClaireError) return error;
  if (code === '42501' || (code === '28000' && /replication/.test(message))) {
    return new ClaireError('backup_right_missing', { found: `The server says: ${message}.`, cause: error });
  }
  const known = fromPostgres(error);
  const isLost = known.code === 'database_unreachable';
  return isLost ? new ClaireError('backup_failed', { found: `${message}.`, cause: error }) : known;
}

interface Positions {
  start_lsn: string;
  end_lsn: string;
  timeline: number;
}

/** How much of a part may wait for whoever stores it. */
const WAITING_BYTES = 1024 ** 2;
const PIECE_BYTES = 256 * 1024;

/**
 * The command and its answer: two result sets (where it begins; the tablespaces), a copy whose messages begin with a letter
 * (n: a tar begins, m: the manifest begins, d: bytes of it, p: progress), and where it ends.
 */
class BaseBackupQuery implements Submittable {
  readonly done: Promise<Positions>;
  readonly #options: BaseBackupOptions;
  readonly #store: Store;
  readonly #sets: string[][][] = [];
  readonly stored: Promise<void>[] = [];
  #wire: Wire | undefined;
  #part: Readable | undefined;
  #piece = Buffer.allocUnsafe(PIECE_BYTES);
  #filled = 0;
  #total = 0;
  #isComplete = false;
  #settle!: { resolve: (value: Positions) => void; reject: (error: unknown) => void };

  constructor(options: BaseBackupOptions, store: Store) {
    this.#options = options;
    this.#store = store;
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  submit(connection: Connection): void {
    this.#wire = connection as Wire;
    const how = "PROGRESS true, CHECKPOINT 'fast', WAL true, WAIT false";
    const list = "MANIFEST 'yes', MANIFEST_CHECKSUMS 'SHA256'";
    this.#wire.query(`BASE_BACKUP (LABEL ${literal(this.#options.label)}, ${how}, ${list})`);
  }

  handleRowDescription(): void {
    this.#endPart();
    this.#sets.push([]);
  }

  handleDataRow({ fields }: { fields: string[] }): void {
    this.#sets.at(-1)!.push(fields);
    if (this.#sets.length !== 2) return;
    const [oid, place, kilobytes] = fields;
    this.#total += Number(kilobytes) * 1024;
    if (oid !== null) {
      this.#fail(new ClaireError('backup_unfit', { found: `It has a tablespace of its own in ${place}.` }));
    }
  }

  handleCopyData({ chunk }: { chunk: Buffer }): void {
    const kind = String.fromCharCode(chunk[0]!);
    if (kind === 'd') this.#take(chunk.subarray(1));
    else if (kind === 'n') this.#begin('base.tar');
    else if (kind === 'm') this.#begin('backup_manifest');
    else if (kind === 'p') this.#options.onProgress?.(Number(chunk.readBigUInt64BE(1)), this.#total);
  }

  handleCommandComplete({ text }: { text: string }): void {
    this.#endPart();
    this.#isComplete ||= text.startsWith('BASE_BACKUP');
  }

  handleReadyForQuery(): void {
    const [[start] = [], , [end] = []] = this.#sets;
    if (!this.#isComplete || !start || !end) {
      this.#fail(new ClaireError('backup_failed', { found: 'The server ended it without saying where.' }));
      return;
    }
    const positions = { start_lsn: start[0]!, end_lsn: end[0]!, timeline: Number(end[1]) };
    Promise.all(this.stored).then(() => this.#settle.resolve(positions), this.#settle.reject);
  }

  handleError(error: Error): void {
    this.#fail(error);
  }

  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
  handleCopyInResponse(): void {}

  #fail(error: Error): void {
    // Whoever stores it is told, and takes his file away; then we are.
    this.#part?.destroy(error);
    this.#settle.reject(error);
  }

  #begin(name: BasePart): void {
    this.#endPart();
    const part = new Readable({ highWaterMark: WAITING_BYTES, read: () => this.#wire!.stream.resume() });
    // Told by the promise of `store`.
    part.on('error', () => {});
    this.#part = part;
    const stored = this.#store(name, part);
    this.stored.push(stored);
    stored.catch((error: Error) => this.#fail(error));
  }

  /** Copied, because the driver reads the next messages into the same memory; and gathered, because each piece has its price. */
  #take(bytes: Buffer): void {
    if (this.#filled + bytes.length > this.#piece.length) this.#give();
    if (bytes.length > this.#piece.length) this.#piece = Buffer.allocUnsafe(bytes.length);
    bytes.copy(this.#piece, this.#filled);
    this.#filled += bytes.length;
  }

  #give(): void {
    const piece = this.#piece.subarray(0, this.#filled);
    if (piece.length === 0) return;
    this.#piece = Buffer.allocUnsafe(PIECE_BYTES);
    this.#filled = 0;
    if (!this.#part?.push(piece)) this.#wire!.stream.pause();
  }

  #endPart(): void {
    this.#give();
    this.#part?.push(null);
    this.#part = undefined;
    // A part that has ended asks for nothing more, and its last piece may have made the connection wait.
    this.#wire!.stream.resume();
  }
}
