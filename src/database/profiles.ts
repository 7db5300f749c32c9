/**
 * What each kind of client may take of the server. The connections of those that run all the time, at their peak, are
 * thirty: the seed's bound for the whole system, over which its three pools of 10 + 10 alone would be.
 */
export interface Profile {
  /** Connections that stay once they were needed. */
  base: number;
  /** Connections beyond these at a peak; they leave soon after it. */
  overflow: number;
  /** How long a statement may take, in milliseconds; 0: as long as it takes. */
  statementTimeout: number;
  /** How long a transaction may wait for its client, in milliseconds: others may wait for its locks. */
  idleInTransactionTimeout: number;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;

const profile = (base: number, overflow: number, statementTimeout = 30 * SECOND): Profile => ({
  base,
  overflow,
  statementTimeout,
  idleInTransactionTimeout: 30 * SECOND,
});

/** Logins that may all be at their peak at once: what they may have adds up to BUDGET. */
export const BUDGETED = {
  signal_engine: profile(6, 6),
  risk_manager: profile(4, 4),
  execution_service: profile(2, 3),
  /** Reading for people and pages. */
  claire_reader: profile(1, 2),
  claire_upkeep: profile(2, 0, 10 * MINUTE),
} as const satisfies Record<string, Profile>;

/** Logins that stand in for others: the seed's shared one for the three services, the operator's for a moment. */
export const BESIDE = {
  /** The seed's pool, of a service that runs alone. */
  claire: profile(10, 10),
  claire_operator: profile(1, 1, 5 * MINUTE),
} as const satisfies Record<string, Profile>;

/** Connections of the whole system (the seed's bound), of `client backend` rows: the server's own workers do not count. */
export const BUDGET = 30;

/** Most connections of one pool of a service (the seed's 10 + 10). */
export const MOST_CONNECTIONS = 20;

const PROFILES: Readonly<Record<string, Profile>> = { ...BUDGETED, ...BESIDE };

/** Of a service that runs alone, under any name, it is the seed's. */
export const profileOf = (service: string): Profile => PROFILES[service] ?? BESIDE.claire;
