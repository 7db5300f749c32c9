import { EXIT } from './exit-codes.js';

/** Errors of retention. */
export const retentionSituations = {
  retention_without_backup: {
    sentence: 'No verified backup of this book lies here, so nothing was removed: it would be nowhere else.',
    remedy:
      'Take one with `claire backup create`, which verifies it; or say --without-backup, which is recorded.',
    status: 409,
    exit: EXIT.refused,
  },
  retention_horizon_short: {
    sentence: 'A horizon of less than a day is nearly always a slip: m are minutes.',
    remedy: 'Write days as in 60d; where it is meant, say --under-a-day.',
    status: 422,
    exit: EXIT.input,
  },
} as const;
