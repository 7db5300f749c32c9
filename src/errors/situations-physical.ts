import { EXIT } from './exit-codes.js';

/** Errors of physical backups and of the archive of the log. */
export const physicalSituations = {
  backup_right_missing: {
    sentence: 'This login may not take a physical backup.',
    remedy:
      'Give it the right (`alter role LOGIN replication`) and a line `host replication LOGIN …` in pg_hba.conf, or take a logical one: --kind logical.',
    status: 403,
    exit: EXIT.refused,
  },
  backup_unfit: {
    sentence: 'This kind of backup does not fit this server.',
    remedy: 'Take a logical one: --kind logical.',
    status: 409,
    exit: EXIT.refused,
  },
  backup_not_readable_here: {
    sentence: 'The files of the backup are whole, but no server here can run them.',
    remedy: 'Install PostgreSQL of the version that is named, and try again.',
    status: 409,
    exit: EXIT.unavailable,
  },
  backup_wal_missing: {
    sentence: 'The archive of the log has a gap before that moment.',
    remedy: 'Restore to a moment before the gap, or put the file that is named back into the archive.',
    status: 409,
    exit: EXIT.broken,
  },
  backup_wal_conflict: {
    sentence: 'The archive of the log holds something else under the name of a file that is to go there.',
    remedy:
      'This cluster is a copy of another one. Move its archive elsewhere, then take a physical backup: moments count from that.',
    status: 409,
    exit: EXIT.refused,
  },
  backup_wal_late: {
    sentence: 'The server has not archived its log in time.',
    remedy: 'Read the end of server.log; `select * from pg_stat_archiver` says what fails.',
    status: 503,
    exit: EXIT.unavailable,
  },
  restore_beyond_archive: {
    sentence: 'The archive of the log does not reach to that moment.',
    remedy: 'Restore to the last possible moment, which is named, or to one before.',
    status: 409,
    exit: EXIT.input,
  },
  restore_before_backups: {
    sentence: 'No physical backup is as old as that moment.',
    remedy: 'Restore to a moment after the end of the oldest one, which is named.',
    status: 409,
    exit: EXIT.input,
  },
} as const;
