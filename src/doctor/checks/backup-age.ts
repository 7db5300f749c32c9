import { toIso } from '../../domain/time.js';
import { secondsText } from '../../domain/words.js';
import { defineCheck, fail, ok, skipped, warn } from '../check.js';
import { commandFor } from './words.js';

const HOUR = 3600;
/** `claire up` takes one a day; two hours more for one that takes its time. */
const WARN_HOURS = 26;
/** Two days were missed. */
const FAIL_HOURS = 48;

export const backupAge = defineCheck({
  name: 'backup_age',
  question: 'Is there a backup of today that was restored to see that it can be?',
  threshold: `${WARN_HOURS} h: \`claire up\` takes one a day; over ${FAIL_HOURS} h two days are lost with the disk. One that was not restored does not count, and a book that was made today need not have one.`,
  async examine({ session, book, schema, around, now }) {
    if (!around.backups) return skipped('It is not known where backups of this book lie: --backups says it.');
    const { directory, verified, failure } = await around.backups(session);
    const failed = failure
      ? ` Since then ${failure.action} failed at ${toIso(failure.at_ms)}${failure.error ? `: ${failure.error.replace(/\.$/, '')}` : ''}.`
      : '';
    const age = verified ? Math.max(0, (now - verified.taken_ms) / 1000) : null;
    const evidence = {
      ...{ directory, backup: verified?.name ?? null },
      taken_at: verified ? toIso(verified.taken_ms) : null,
      failed_action: failure?.action ?? null,
      failed_at: failure ? toIso(failure.at_ms) : null,
      error: failure?.error ?? null,
    };
    const remedy = { command: commandFor(book, 'backup create') };
    if (age === null) {
      const none = `${directory} holds no backup of book ${book} that was verified.${failed}`;
      const [made] = await session.query<{ hours: number }>(
        `select extract(epoch from timezone('UTC', now()) - min(applied_at))::float8 / 3600 as hours from ${schema}.schema_migrations`,
      );
      // The first night is still to come.
      return made!.hours < WARN_HOURS && !failure
        ? warn(`${none} The book was made today.`, [evidence], remedy)
        : fail(none, [evidence], remedy);
    }
    const said = `The last verified backup, ${verified!.name}, is ${secondsText(age)} old.${failed}`;
    if (age > FAIL_HOURS * HOUR) return fail(said, [evidence], remedy);
    if (age > WARN_HOURS * HOUR || failure) return warn(said, [evidence], remedy);
    return ok(said, [evidence]);
  },
});
