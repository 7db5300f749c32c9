import { EXIT } from './exit-codes.js';

/** Errors of the log that streams are made of, and of keys with which a write is sent again. */
export const tokenSituations = {
  log_cursor_invalid: {
    sentence: 'This is no place in the log.',
    remedy: 'Send the id of an event as it came, or none, to begin with what happens now.',
    status: 422,
    exit: EXIT.input,
  },
  idempotency_conflict: {
    sentence: 'The key was used for another request.',
    remedy: 'Send the same request with its key, or another request with a key of its own.',
    status: 409,
    exit: EXIT.refused,
  },
} as const;
