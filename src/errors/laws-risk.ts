/** Laws of halts, of decisions and of what orders reserve. */
export const riskLaws = {
  halt_impossible: {
    sentence: 'A halt ends after it begins.',
    remedy: 'Give an `until` that is later than now (or than `at`).',
    constraints: ['halts_until_check', 'halts_action_check', 'halts_cause_check'],
  },
  time_to_come: {
    sentence: 'A decision, a halt or a resumption is of now or of before.',
    remedy: 'Check the clock and the unit of `at`: Unix milliseconds, at most a minute ahead of the server.',
    constraints: ['risk_time_to_come'],
  },
  decision_needs_read_committed: {
    sentence: 'Limits are not decided by an older moment than the present.',
    remedy: 'Decide, and place orders that limits may refuse, in a transaction of READ COMMITTED.',
    constraints: ['decide_reads_committed'],
  },
  reservation_stays: {
    sentence: 'What this order reserves cannot be released.',
    remedy: 'Cancel it while it is PENDING; `claire reservations list` shows what is reserved.',
    constraints: ['decisions_reservation', 'decisions_decision_check'],
  },
} as const;
