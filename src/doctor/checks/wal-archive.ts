import type { Queryable } from '../../database/index.js';
import { counted, secondsText } from '../../domain/words.js';
import { defineCheck, type Evidence, fail, ok, type Verdict } from '../check.js';

/** With archive_timeout 60 s a file is on its way for a minute at most, and who takes it away looks every five seconds. */
const SECONDS = 300;

interface Archiver extends Record<string, string | number | boolean | null> {
  archives: boolean;
  /** Where our library puts the log, for `claire up` to take it away; null: it goes elsewhere. */
  spool: string | null;
  failing: boolean;
  last_archived: string | null;
  last_archived_seconds: number | null;
  failed_count: number;
  last_failed: string | null;
  last_failed_seconds: number | null;
  sees_status: boolean;
  sees_spool: boolean;
}

const ARCHIVER = `
  select current_setting('archive_mode') <> 'off' as archives,
    nullif(current_setting('basic_archive.archive_directory', true), '') as spool,
    coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) as failing,
    last_archived_wal as last_archived,
    round(extract(epoch from clock_timestamp() - last_archived_time))::int as last_archived_seconds,
    failed_count::int, last_failed_wal as last_failed,
    round(extract(epoch from clock_timestamp() - last_failed_time))::int as last_failed_seconds,
    has_function_privilege('pg_ls_archive_statusdir()', 'execute') as sees_status,
    has_function_privilege('pg_ls_dir(text)', 'execute')
      and has_function_privilege('pg_stat_file(text, boolean)', 'execute') as sees_spool
  from pg_stat_archiver`;

/** How many files of the log wait, and the oldest for how long. */
interface Waiting {
  files: number;
  oldest_seconds: number | null;
}

const WAITING_SERVER = `
  select count(*)::int as files, round(extract(epoch from clock_timestamp() - min(modification)))::int as oldest_seconds
  from pg_ls_archive_statusdir() where name like '%.ready'`;

const WAITING_SPOOL = `
  select count(*)::int as files,
    round(extract(epoch from clock_timestamp() - min((pg_stat_file($1 || '/' || name, true)).modification)))::int as oldest_seconds
  from pg_ls_dir($1) as name where name ~ '^[0-9A-F]{8}'`;

const NOBODY: Waiting = { files: 0, oldest_seconds: null };

export const walArchive = defineCheck({
  name: 'wal_archive',
  question: "Does the server's log leave the machine in time?",
  threshold: `${SECONDS} s, or a last try that failed: what lies here still is lost with the machine, and fills its disk.`,
  of: 'server',
  async examine({ session }) {
    const [archiver] = await session.query<Archiver>(ARCHIVER);
    const { archives, spool, failing, sees_status, sees_spool } = archiver!;
    if (!archives) {
      return ok(
        'The server archives no log (archive_mode is off): what a disaster costs is everything since the last backup.',
      );
    }
    const ready = sees_status ? await ask(session, WAITING_SERVER) : NOBODY;
    const inSpool = spool !== null && sees_spool ? await ask(session, WAITING_SPOOL, [spool]) : NOBODY;
    const evidence = [evidenceOf(archiver!, ready, inSpool)];
    if (failing || isLate(ready)) return failed(archiver!, ready, evidence);
    if (isLate(inSpool)) {
      return fail(
        `${counted(inSpool.files, 'file')} of the log ${inSpool.files === 1 ? 'waits' : 'wait'} in ${spool} to be taken away, the oldest for ` +
          `${secondsText(inSpool.oldest_seconds!)}: no \`claire up\` runs that does it.`,
        evidence,
        { command: 'claire up' },
      );
    }
    const unseen = [
      ...(sees_status ? [] : ['which files wait takes membership in pg_monitor']),
      ...(spool === null || sees_spool ? [] : ['what lies in the spool takes a superuser']),
    ];
    return ok(
      `The log is archived${unseen.length > 0 ? ` as far as this login sees; ${unseen.join(', and ')}` : ''}.`,
      evidence,
    );
  },
});

async function ask(session: Queryable, text: string, values?: unknown[]): Promise<Waiting> {
  const [row] = await session.query<Waiting>(text, values);
  return row!;
}

const isLate = ({ oldest_seconds }: Waiting): boolean => (oldest_seconds ?? 0) > SECONDS;

function evidenceOf(archiver: Archiver, ready: Waiting, spool: Waiting): Evidence {
  const { last_archived, last_archived_seconds, failed_count, last_failed, last_failed_seconds } = archiver;
  return {
    ...{ last_archived, last_archived_seconds, failed_count, last_failed, last_failed_seconds },
    waiting_files: ready.files,
    waiting_oldest_seconds: ready.oldest_seconds,
    spool_files: spool.files,
    spool_oldest_seconds: spool.oldest_seconds,
  };
}

const failed = (archiver: Archiver, ready: Waiting, evidence: readonly Evidence[]): Verdict =>
  fail(
    archiver.failing
      ? `The last try to archive a file of the log (${archiver.last_failed}) failed ${secondsText(archiver.last_failed_seconds!)} ago; ` +
          `${counted(ready.files, 'file waits', 'files wait')}.`
      : `${counted(ready.files, 'file')} of the log ${ready.files === 1 ? 'waits' : 'wait'} to be archived, the oldest for ${secondsText(ready.oldest_seconds!)}.`,
    evidence,
    {
      decide:
        "how the log's way is mended: the server's own log says why it failed (a full disk, a right, archive_command). Until then the files " +
        'stay in pg_wal and fill the disk.',
    },
  );
