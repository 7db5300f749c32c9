import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Reading, readSteps, type Step } from './steps.js';

/** Where the SQL of the package lies, seen from src/ and from dist/ alike. */
export const sqlDirectory = (name: 'migrations' | 'checks' | 'test-data'): string =>
  fileURLToPath(new URL(`../../sql/${name}`, import.meta.url));

/** The versions of the schema, oldest first. 1.0 and 1.1 are the seed's, those from 1.2 on are ours. */
export const VERSIONS = ['1.0', '1.1', '1.2', '1.3', '1.4', '1.5'] as const;
export type Version = (typeof VERSIONS)[number];
export const LATEST_VERSION: Version = '1.5';
/** The first that is this program's own work: it changes old rows, and its objects are known by their names. */
export const FIRST_OF_OURS: Version = '1.2';

/** Whether a version is one of the program's own, which began with FIRST_OF_OURS. */
export const isOurs = (version: Version | undefined): boolean =>
  version !== undefined && VERSIONS.indexOf(version) >= VERSIONS.indexOf(FIRST_OF_OURS);

export interface Migration {
  number: number;
  name: string;
  title: string;
  version: Version;
  /** Clients of the version before may be refused something that was accepted. */
  breaking: boolean;
  /** One transaction for the file; else one step after another, each able to be run again. */
  transaction: boolean;
  locks: string;
  /** Its steps mend old rows, and are run again while old rows break a law. */
  again: boolean;
  steps: Step[];
  /** SHA-256 over the file and the hash of the file before, so that no earlier file can change unseen. */
  hash: string;
}

let ofThePackage: Promise<readonly Migration[]> | undefined;

/**
 * The migrations of the package in order. Read once: every look at a book asks for them, and reading them takes a fifth of
 * the time in which a book is made.
 * @throws where a file's header is not complete: that is a defect of the package
 */
export function readMigrations(): Promise<readonly Migration[]> {
  ofThePackage ??= readMigrationsIn(sqlDirectory('migrations')).catch((error) => {
    ofThePackage = undefined;
    throw error;
  });
  return ofThePackage;
}

async function readMigrationsIn(directory: string): Promise<readonly Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  const migrations: Migration[] = [];
  let before = '';
  for (const [at, name] of names.entries()) {
    const text = await readFile(`${directory}/${name}`, 'utf8');
    const { header, reading } = readHeader(text);
    const number = Number(name.slice(0, 4));
    const known = VERSIONS.find((version) => version === header.version);
    if (number !== at + 1 || !known || !header.title || !header.locks) {
      throw new Error(
        `${name}: a migration is numbered without a gap and begins with title, version, breaking, transaction, locks`,
      );
    }
    before = createHash('sha256').update(before).update(text).digest('hex');
    migrations.push({
      number,
      name: name.replace(/\.sql$/, ''),
      title: header.title,
      version: known,
      breaking: header.breaking === 'yes',
      transaction: reading.transaction,
      locks: header.locks,
      again: header.again === 'yes',
      steps: readSteps(text, reading),
      hash: before,
    });
  }
  return migrations;
}

/** What the comments at the head of a file say of it. */
export function readHeader(text: string): { header: Record<string, string>; reading: Reading } {
  const pairs = (pattern: RegExp) =>
    Object.fromEntries([...text.matchAll(pattern)].map((m) => [m[1]!, m[2]!]));
  const header = pairs(/^-- (title|version|breaking|transaction|locks|for|again): (.+)$/gm);
  const reading = {
    transaction: header.transaction === 'yes',
    definitions: pairs(/^-- let (\w+): (.+)$/gm),
    ...(header.for === undefined ? {} : { tables: header.for.split(', ') }),
  };
  return { header, reading };
}
