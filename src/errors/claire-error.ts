import { type ErrorCode, entryOf } from './catalogue.js';
import type { ExitCode } from './exit-codes.js';

export interface ErrorContext {
  /** What was found, as a sentence; it follows the catalogue's own sentence. */
  found?: string | undefined;
  /** The constraint or law that refused, by its name in the database. */
  law?: string | undefined;
  /** Facts for programs; never a secret, never a row's money as a float. */
  details?: Record<string, unknown> | undefined;
  cause?: unknown;
}

/**
 * Every error that Claire throws. `code` is an entry of the catalogue and stays the same between versions;
 * the sentence may change. `remedy` says what to do.
 */
export class ClaireError extends Error {
  override readonly name = 'ClaireError';
  readonly code: ErrorCode;
  readonly remedy: string;
  readonly law: string | undefined;
  readonly details: Record<string, unknown> | undefined;
  readonly status: number;
  readonly exitCode: ExitCode;

  constructor(code: ErrorCode, context: ErrorContext = {}) {
    const entry = entryOf(code);
    super(context.found ? `${entry.sentence} ${context.found}` : entry.sentence, { cause: context.cause });
    this.code = code;
    this.remedy = entry.remedy;
    this.law = context.law;
    this.details = context.details;
    this.status = entry.status;
    this.exitCode = entry.exit;
  }

  /** The error as the JSON that the command and HTTP print. */
  toJSON(): Record<string, unknown> {
    return {
      code: this.code,
      message: this.message,
      remedy: this.remedy,
      ...(this.law === undefined ? {} : { law: this.law }),
      ...(this.details === undefined ? {} : { details: this.details }),
    };
  }
}
