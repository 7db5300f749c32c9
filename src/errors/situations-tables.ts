import { EXIT } from './exit-codes.js';

/** Errors of restoring one table, and of the tools that PostgreSQL brings for backups. */
export const tableSituations = {
  restore_table_refused: {
    sentence: 'This table is not restored alone.',
    remedy: 'Name one that is, or restore the whole book: `claire restore NAME`.',
    status: 422,
    exit: EXIT.input,
  },
  restore_parent_missing: {
    sentence: 'Rows cannot come back because what they name is not there. Nothing was changed.',
    remedy: 'Restore the table that is named first (`--table … --apply missing`), then this one.',
    status: 409,
    exit: EXIT.refused,
  },
  restore_row_refused: {
    sentence: 'A row cannot come back as it was, so none did. Nothing was changed.',
    remedy: 'Put the named row right first (`claire correct`, `claire quarantine`), then apply again.',
    status: 409,
    exit: EXIT.refused,
  },
  backup_tools_missing: {
    sentence: 'The pg_dump that this backup needs is not here.',
    remedy:
      "Install PostgreSQL's client programs of the server's major version, name their directory with CLAIRE_PG_BIN, or use `--kind logical`, which needs none.",
    status: 503,
    exit: EXIT.unavailable,
  },
  backup_tool_failed: {
    sentence: 'A program of PostgreSQL failed, and what it made does not count.',
    remedy: 'Read what it said, put that right, and run the command again.',
    status: 503,
    exit: EXIT.unavailable,
  },
} as const;
