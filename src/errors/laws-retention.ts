/** Laws of how rows leave; those of the record stand in laws.ts. */
export const retentionLaws = {
  removal_refused: {
    sentence: 'Rows leave by retention or into quarantine only.',
    remedy: 'Do not DELETE or TRUNCATE; correct a wrong row with `claire correct`.',
    constraints: ['removal_needs_a_permit'],
  },
  retention_horizon_impossible: {
    sentence:
      'A horizon is of signals, orders, risk_events or candles, and from a second to a century long, or for ever.',
    remedy: 'Write it as in `claire retention set signals 60d --reason …`, or `forever`.',
    constraints: ['retention_horizons_table_name_check', 'retention_horizons_keep_seconds_check'],
  },
  retention_of_trades: {
    sentence: 'Trades are kept for ever, and with them the orders and signals that they name.',
    remedy: 'Set the horizon of signals, orders, risk_events or candles.',
    constraints: ['retention_horizons_trades'],
  },
  retention_run_ended: {
    sentence: 'This run of retention has ended; it removes nothing more.',
    remedy: 'Begin another with `claire retention run`: it goes on where this one stopped.',
    constraints: ['retention_runs_running', 'retention_runs_outcome_check'],
  },
} as const;
