/** What the command's exit code means. One table for every command. */
export const EXIT = {
  /** Everything asked for was done. */
  ok: 0,
  /** A law is broken, or something that was checked is not as it should be. */
  broken: 1,
  /** The input cannot be used: an argument, a file, a value. */
  input: 2,
  /** The database cannot be reached, started or used. */
  unavailable: 3,
  /** The database or the present state refuses what was asked. */
  refused: 4,
  /** An error that Claire does not know. */
  unexpected: 70,
  /** Work that Ctrl-C cut off. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
