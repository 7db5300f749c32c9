import { EXIT } from './exit-codes.js';
import { backupSituations } from './situations-backup.js';
import { doctorSituations } from './situations-doctor.js';
import { httpSituations } from './situations-http.js';
import { physicalSituations } from './situations-physical.js';
import { retentionSituations } from './situations-retention.js';
import { serverSituations } from './situations-server.js';
import { tableSituations } from './situations-tables.js';
import { tokenSituations } from './situations-tokens.js';

/** Errors that the code throws: the world is not as it must be for what was asked. */
export const situations = {
  usage_invalid: {
    sentence: 'The command line cannot be understood.',
    remedy: 'See `claire --help`, or --help after the name of a command.',
    status: 422,
    exit: EXIT.input,
  },
  input_invalid: {
    sentence: 'The input cannot be used.',
    remedy: 'Give each named field in the form that the reference states.',
    status: 422,
    exit: EXIT.input,
  },
  too_many_calls: {
    sentence: 'More calls wait to be written than memory should be spent on. This one was not sent.',
    remedy: 'Await calls before making more, or hand the items over as one batch; then send this one again.',
    status: 503,
    exit: EXIT.unavailable,
  },
  candle_file_invalid: {
    sentence: 'The candle file cannot be used from here on.',
    remedy:
      'Put right what is named and run the same command again: what is recorded already is not recorded twice.',
    status: 422,
    exit: EXIT.input,
  },
  import_file_invalid: {
    sentence: 'The file cannot be imported from here on.',
    remedy:
      'Put right what is named and run the same command again: what is recorded already is not recorded twice.',
    status: 422,
    exit: EXIT.input,
  },
  ...serverSituations,
  ...retentionSituations,
  ...doctorSituations,
  ...backupSituations,
  ...physicalSituations,
  ...tableSituations,
  ...tokenSituations,
  ...httpSituations,
  transaction_conflict: {
    sentence: 'The transaction met others in its way each time it was tried.',
    remedy: 'Try again; if it stays so, look at what else writes the same rows.',
    status: 503,
    exit: EXIT.unavailable,
  },
  database_error: {
    sentence: 'The database answered with an error that Claire has no name for.',
    remedy: 'Read the SQLSTATE and the message.',
    status: 500,
    exit: EXIT.unexpected,
  },
  value_unusable: {
    sentence: 'The database cannot store a value that was sent.',
    remedy: 'Check for missing values, texts that are too long and numbers that are too large.',
    status: 422,
    exit: EXIT.refused,
  },
  id_conflict: {
    sentence: 'Something else is recorded under this id.',
    remedy: 'Give the new content an id of its own; what is recorded stays.',
    status: 409,
    exit: EXIT.refused,
  },
  not_found: {
    sentence: 'This is not recorded.',
    remedy: 'Check the id and the book.',
    status: 404,
    exit: EXIT.refused,
  },
  book_name_invalid: {
    sentence: 'This cannot be the name of a book.',
    remedy: 'Use a lower-case letter, then lower-case letters, digits and _, 48 in all at most.',
    status: 422,
    exit: EXIT.input,
  },
  book_missing: {
    sentence: 'This book does not exist.',
    remedy: 'See `claire book list`; make it with `claire book create`.',
    status: 404,
    exit: EXIT.refused,
  },
  book_exists: {
    sentence: 'A book or a schema of this name exists already.',
    remedy: 'Choose another name.',
    status: 409,
    exit: EXIT.refused,
  },
  book_not_dropped: {
    sentence: 'The book was not dropped.',
    remedy: 'Put right what is named, then say --yes or type the name of the book.',
    status: 409,
    exit: EXIT.refused,
  },
  schema_outdated: {
    sentence: 'The schema of this book is older than this version of Claire.',
    remedy: 'Bring it forward with `claire migrate`.',
    status: 503,
    exit: EXIT.unavailable,
  },
  schema_without_history: {
    sentence: 'The tables of this book were made by hand, without a history of its schema.',
    remedy: 'Run `claire migrate`, which brings them forward and writes the history.',
    status: 503,
    exit: EXIT.unavailable,
  },
  schema_newer: {
    sentence: 'The schema of this book is newer than this version of Claire.',
    remedy: 'Use the newer Claire that migrated it.',
    status: 503,
    exit: EXIT.unavailable,
  },
  schema_unrecognised: {
    sentence: 'There are tables in the way that Claire did not make.',
    remedy: 'Put right what is named or move it away, or choose another book.',
    status: 409,
    exit: EXIT.refused,
  },
  schema_depended_on: {
    sentence: 'Other objects depend on columns that this migration changes.',
    remedy:
      'Drop them before and create them again after; `claire migrate --plan` prints how each of them is defined.',
    status: 409,
    exit: EXIT.refused,
  },
  recorded_zone_unknown: {
    sentence: 'The zone in which the old rows were recorded cannot be told: created_at has none.',
    remedy:
      'Say `--recorded-in ZONE` with the zone of the sessions that wrote them, as in `--recorded-in Europe/Berlin`; UTC if the clients set that themselves.',
    status: 409,
    exit: EXIT.refused,
  },
  migration_edited: {
    sentence: 'A migration that was applied is not the one in this version of Claire.',
    remedy: 'Released migrations are never edited: restore the file, or use the version that applied it.',
    status: 503,
    exit: EXIT.refused,
  },
  migration_backward: {
    sentence: 'Migrations go forward only.',
    remedy: 'To go back, restore a backup.',
    status: 409,
    exit: EXIT.refused,
  },
  migration_busy: {
    sentence: 'Another migration of this book did not end in time.',
    remedy: 'Wait for it, or end the sessions named here.',
    status: 503,
    exit: EXIT.unavailable,
  },
  migration_step_failed: {
    sentence: 'A step of the migration was refused by something in the database.',
    remedy:
      'Put right what is named (a trigger, a key, a constraint of yours), then run `claire migrate` again.',
    status: 409,
    exit: EXIT.refused,
  },
  migration_blocked: {
    sentence: 'Other sessions held what a step of the migration needs, longer than it waits.',
    remedy: 'Let those sessions end, then run `claire migrate` again: it goes on from here.',
    status: 503,
    exit: EXIT.unavailable,
  },
  migration_gap: {
    sentence: 'A migration is missing in the history of this book.',
    remedy: 'Restore the row of schema_migrations, or a backup: nobody removes one alone.',
    status: 503,
    exit: EXIT.refused,
  },
  claire_closed: {
    sentence: 'This connection to Claire was closed.',
    remedy: 'Connect again, or close only after the last call.',
    status: 503,
    exit: EXIT.unexpected,
  },
  transaction_lost: {
    sentence:
      'The transaction was rolled back because a statement in it had failed; nothing of it is recorded.',
    remedy: 'Do not swallow the error of a call inside a transaction.',
    status: 500,
    exit: EXIT.refused,
  },
  transaction_ended: {
    sentence: 'The transaction of this call has ended; nothing of the call is recorded.',
    remedy: 'Await every call inside the transaction, and keep none for later.',
    status: 500,
    exit: EXIT.unexpected,
  },
  transaction_timed_out: {
    sentence: 'The transaction let the server wait too long and was ended by it; nothing of it is recorded.',
    remedy: 'Do nothing slow between its calls, or give a longer idleInTransactionTimeout.',
    status: 503,
    exit: EXIT.unavailable,
  },
  write_unresolved: {
    sentence:
      'The connection was lost while this was being written, and nobody could be asked what became of it: it may be recorded.',
    remedy:
      'Look whether it is recorded, or send it again with the same id when the server is back: what stands is not written twice.',
    status: 503,
    exit: EXIT.unavailable,
  },
  transaction_misused: {
    sentence: 'The transaction does not allow this.',
    remedy: 'Open it without readOnly, and set its isolation before its first call.',
    status: 500,
    exit: EXIT.refused,
  },
  lock_timed_out: {
    sentence: 'A lock did not become free in time.',
    remedy: 'Try again; if it stays so, look for a session that holds it (pg_blocking_pids).',
    status: 503,
    exit: EXIT.unavailable,
  },
  statement_cancelled: {
    sentence: 'The statement was cancelled, by a time limit or by somebody.',
    remedy: 'Ask for less, or raise the limit.',
    status: 503,
    exit: EXIT.unavailable,
  },
  deadline_passed: {
    sentence: 'The time that this may take is over: no more of it was begun, and nothing of it is recorded.',
    remedy:
      'Send fewer items at once, or ask for less; and see whether a session holds locks (`claire doctor`).',
    status: 503,
    exit: EXIT.unavailable,
  },
  schema_missing: {
    sentence: 'A table or function of the record is not there.',
    remedy:
      'Either the book was dropped, or its schema is older than this Claire: `claire status` says which.',
    status: 503,
    exit: EXIT.unavailable,
  },
  replay_conflict: {
    sentence: 'The book holds something else for these candles.',
    remedy:
      'They were replayed from another start, or a file has changed since: replay them into another book (--book).',
    status: 409,
    exit: EXIT.refused,
  },
  output_failed: {
    sentence: 'The output could not be written.',
    remedy: 'See whether the directory, the disk or the pipe that it goes to is there and takes more.',
    status: 500,
    exit: EXIT.unavailable,
  },
} as const;
