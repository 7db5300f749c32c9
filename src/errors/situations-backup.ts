import { EXIT } from './exit-codes.js';

/** Errors of backups and of what is restored from them. */
export const backupSituations = {
  backup_missing: {
    sentence: 'There is no such backup.',
    remedy: 'See which there are with `claire backup list`; --backups DIR names another directory.',
    status: 404,
    exit: EXIT.input,
  },
  backup_failed: {
    sentence: 'The backup could not be written.',
    remedy:
      'Put right what is named and take it again: what was begun is gone, and no half backup has a name.',
    status: 503,
    exit: EXIT.unavailable,
  },
  backup_damaged: {
    sentence: 'The backup is not what was written.',
    remedy: 'Use another one (`claire backup list`), and find out what changed the files of this one.',
    status: 409,
    exit: EXIT.broken,
  },
  backup_key_wrong: {
    sentence: 'The backup cannot be read with this key.',
    remedy: 'Name the file of the key that it was encrypted with: --key-file FILE or CLAIRE_BACKUP_KEY_FILE.',
    status: 409,
    exit: EXIT.input,
  },
  backup_key_invalid: {
    sentence: 'The key for backups cannot be used.',
    remedy: 'A key is 32 random bytes, written as 64 hexadecimal digits: `openssl rand -hex 32 > FILE`.',
    status: 422,
    exit: EXIT.input,
  },
  backup_newer: {
    sentence: 'The backup was taken by a newer Claire.',
    remedy: 'Restore it with that version or a newer one.',
    status: 409,
    exit: EXIT.refused,
  },
  backup_hook_failed: {
    sentence: 'The backup is there, but the command that takes it elsewhere failed.',
    remedy: 'Run the command by hand and see what it says; it finds the directory in CLAIRE_BACKUP.',
    status: 503,
    exit: EXIT.unavailable,
  },
  backup_unverified: {
    sentence: 'What was restored from the backup is not what was backed up.',
    remedy: 'Use another backup (`claire backup list`), and keep this one to find out why.',
    status: 409,
    exit: EXIT.broken,
  },
  restore_not_empty: {
    sentence: 'The place to restore into is not empty, and nothing was changed.',
    remedy: 'Say --replace to put the backup in the place of what is there; that is backed up first.',
    status: 409,
    exit: EXIT.refused,
  },
  restore_refused: {
    sentence: 'Nothing was restored.',
    remedy: 'Put right what is named, or confirm it: on a terminal by its name, elsewhere with --yes.',
    status: 409,
    exit: EXIT.refused,
  },
} as const;
