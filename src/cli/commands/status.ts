import { identifier, type Queryable, redact } from '../../database/index.js';
import {
  describeState,
  LATEST_VERSION,
  listBooks,
  listHandMade,
  openLaws,
  protectionMissing,
} from '../../schema/index.js';
import { type BackupStatus, backupStatus, backupText } from '../backup-status.js';
import { backupOptions } from '../backups.js';
import { defineCommand, type Invocation } from '../command.js';
import { countLimits, haltedText, type RiskState } from '../limits-text.js';
import { list, table } from '../print.js';
import { protectionText } from '../roles-text.js';
import { connectTo, type Place, withPools } from '../session.js';
import { type Summary, summaryText } from '../summary.js';
import { visitRunning } from '../visit.js';

export const status = defineCommand({
  usage: 'status',
  summary: 'What runs where, which books there are, and what the book holds. Starts nothing.',
  options: backupOptions().slice(0, 1),
  examples: [
    ['status', 'the embedded server of .claire and the book main'],
    ['status --book demo --json', 'another book, for a program'],
  ],
  async run(invocation) {
    const { globals, out } = invocation;
    const see = (place: Place) => look(invocation, place);
    const found =
      globals.databaseUrl === undefined
        ? await visitRunning(globals.data, (visited) => withPools(visited, globals.book, see))
        : await withPools({ url: globals.databaseUrl }, globals.book, see);
    if (found) out.answer(found, () => text(found, globals.book));
    else {
      out.answer(
        { running: false, data: globals.data },
        () => `No server runs on ${globals.data}: start it with \`claire up\`.`,
      );
    }
    return undefined;
  },
});

interface Status {
  running: true;
  server: { version: string; url: string; data: string | null };
  books: { book: string; version: string | null }[];
  book: string;
  summary: Summary | null;
  /** Whether trading is halted, by whom and why, and how many limits are set. */
  risk: (RiskState & { limits_set: number }) | null;
  /** Laws that hold for new rows and not yet for old ones. */
  open_laws: { table: string; law: string }[];
  /** What a person who has an old database may be looking for. */
  hand_made: string[];
  positions: { refresh_age_seconds: number | null; unfolded_changes: number } | null;
  /** The backups of the book that lie in the directory; NULL where the book is not there. */
  backups: BackupStatus | null;
  /** What of the protection of the book is missing, a sentence each; NULL where there is no book to protect. */
  protection: string[] | null;
}

async function look(invocation: Invocation, place: Place): Promise<Status> {
  const { globals } = invocation;
  // The history of a book at an older version is for its owner only.
  const database = place.database('postgres');
  const [row] = await database.query<{ version: string }>(
    `select current_setting('server_version') as version`,
  );
  const books = await listBooks(database);
  const isReadable = books.some(
    ({ book, version, newer }) => book === globals.book && version === LATEST_VERSION && !newer,
  );
  const read = isReadable ? await readOf(place, globals.book) : { summary: null, risk: null };
  return {
    running: true,
    server: {
      version: row!.version,
      url: place.server?.url('claire') ?? redact(place.url('claire')),
      data: place.server?.dataDir ?? null,
    },
    books: books.map(({ book, version, newer }) => ({ book, version: newer ?? version ?? null })),
    book: globals.book,
    ...read,
    open_laws: isReadable
      ? (await openLaws(database, globals.book)).map(({ table, law }) => ({ table, law }))
      : [],
    hand_made: (await listHandMade(database)).filter(({ handMade }) => handMade).map(describeState),
    positions: isReadable ? await positionsOf(database, globals.book) : null,
    backups: isReadable ? await backupStatus(invocation, database) : null,
    protection: isReadable ? await protectionMissing(database, globals.book) : null,
  };
}

async function readOf(place: Place, book: string): Promise<Pick<Status, 'summary' | 'risk'>> {
  const claire = await connectTo(place, book, 'claire_reader');
  try {
    const limits_set = countLimits(await claire.limits());
    return { summary: await claire.summary(), risk: { ...(await claire.riskState()), limits_set } };
  } finally {
    await claire.close();
  }
}

async function positionsOf(database: Queryable, book: string): Promise<Status['positions']> {
  const schema = identifier(book);
  const [row] = await database.query<NonNullable<Status['positions']>>(
    `select
       (select extract(epoch from timezone('UTC', now()) - last_refresh)::float8
        from ${schema}.materialized_view_refreshes where view_name = 'positions_realtime') as refresh_age_seconds,
       (select count(*) from ${schema}.position_changes) as unfolded_changes`,
  );
  return row!;
}

function text(
  { server, books, summary, risk, positions, open_laws, hand_made, protection, backups }: Status,
  book: string,
): string {
  const parts = [
    list([
      ['server', `PostgreSQL ${server.version}`],
      ['connect', server.url],
      ...(server.data ? [['data', server.data] as const] : []),
    ]),
    books.length === 0
      ? 'There are no books yet.'
      : table(
          ['book', 'version'],
          books.map((each) => [each.book, each.version]),
        ),
  ];
  if (summary && risk && positions) {
    parts.push(`Book ${book} holds:\n${summaryText(summary)}`, stateText(risk, positions));
    if (backups) parts.push(backupText(backups));
    parts.push(protectionText(protection ?? []));
    if (open_laws.length > 0) {
      const names = open_laws.map(({ table, law }) => `${law} (${table})`).join(', ');
      parts.push(
        `Old rows break these laws, which hold for new ones only: ${names}. See \`claire migrate\`.`,
      );
    }
  } else if (books.some((each) => each.book === book)) {
    parts.push(`Book ${book} is not at ${LATEST_VERSION}: see \`claire migrate --status\`.`);
  } else parts.push(`There is no book ${book} here.`);
  if (hand_made.length > 0)
    parts.push([...hand_made, 'See `claire migrate --status --book SCHEMA`.'].join('\n'));
  return parts.join('\n\n');
}

function stateText(risk: NonNullable<Status['risk']>, positions: NonNullable<Status['positions']>): string {
  const age = positions.refresh_age_seconds;
  const refreshed =
    typeof age === 'number' ? `${age.toFixed(1)} s ago` : 'never; `claire up` does it every 5 s';
  const set = risk.limits_set;
  return list([
    ['trading', haltedText(risk)],
    ['limits', set === 0 ? 'none is set: see `claire limits set --help`' : `${set} set`],
    ['positions_realtime refreshed', refreshed],
    ['position changes not folded yet', positions.unfolded_changes],
  ]);
}
