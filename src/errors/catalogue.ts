import { EXIT, type ExitCode } from './exit-codes.js';
import { laws } from './laws.js';
import { situations } from './situations.js';

export interface ErrorEntry {
  /** What is wrong, as a sentence; what was found follows it. */
  sentence: string;
  /** What to do. */
  remedy: string;
  /** HTTP status. */
  status: number;
  /** Exit code of the command. */
  exit: ExitCode;
  /** Constraints and trigger laws of the database that lead here. */
  constraints?: readonly string[];
}

/** A law of the record: the database refuses, so status and exit code are always the same. */
const refusal = { status: 422, exit: EXIT.refused } as const;

type Laws = { [K in keyof typeof laws]: ErrorEntry };

/** Every error of Claire: laws of the record, held by the database, and situations, thrown by the code. */
export const catalogue = {
  ...(Object.fromEntries(
    Object.entries(laws).map(([code, law]) => [code, { ...refusal, ...law }]),
  ) as unknown as Laws),
  ...situations,
} satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof laws | keyof typeof situations;

export const entryOf = (code: ErrorCode): ErrorEntry => catalogue[code];
