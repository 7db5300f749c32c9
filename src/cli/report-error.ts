import { CommanderError } from 'commander';
import { ClaireError, EXIT, type ExitCode } from '../errors/index.js';
import { Interrupted } from './interrupt.js';

export interface ErrorStyle {
  json: boolean;
  debug: boolean;
}

/**
 * Says what went wrong and gives the exit code. People read a sentence and a remedy on standard error; a program that
 * asked for JSON finds the error where it looks for the answer.
 */
export function reportError(thrown: unknown, { json, debug }: ErrorStyle): ExitCode {
  // Ctrl-C: work that ends by itself throws what its signal gave it.
  if (thrown instanceof Interrupted || (thrown as Error)?.name === 'AbortError') return EXIT.interrupted;
  // Help and version were asked for, and commander has printed them.
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.ok;
  const error = thrown instanceof CommanderError ? asUsageError(thrown) : thrown;
  if (!(error instanceof ClaireError)) return reportUnknown(error, { json, debug });
  if (json) process.stdout.write(`${JSON.stringify({ error: error.toJSON() }, null, 2)}\n`);
  else process.stderr.write(`claire: ${error.message}\n${error.remedy}\n`);
  if (debug) process.stderr.write(`${error.stack}\n`);
  return error.exitCode;
}

function asUsageError(error: CommanderError): ClaireError {
  // Where a command is missing commander prints its help and leaves no message.
  const message = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
  const sentence = message === '(outputHelp)' ? 'A command is missing.' : message;
  return new ClaireError('usage_invalid', {
    found: `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}${/[.?!)]$/.test(sentence) ? '' : '.'}`,
    cause: error,
  });
}

function reportUnknown(error: unknown, { json, debug }: ErrorStyle): ExitCode {
  const message = error instanceof Error ? error.message : String(error);
  const remedy = 'This is a defect of Claire: run it again with --debug and report what it prints.';
  if (json) {
    process.stdout.write(`${JSON.stringify({ error: { code: 'unexpected', message, remedy } }, null, 2)}\n`);
  } else process.stderr.write(`claire: ${message}\n${debug ? '' : `${remedy}\n`}`);
  if (debug) process.stderr.write(`${error instanceof Error ? error.stack : message}\n`);
  return EXIT.unexpected;
}
