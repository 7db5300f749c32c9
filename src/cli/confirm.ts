import { createInterface } from 'node:readline/promises';
import { ClaireError, type ErrorCode } from '../errors/index.js';
import type { Invocation } from './command.js';
import { Interrupted } from './interrupt.js';

/**
 * Asks a person to type a name before what cannot be undone. Where nobody sits at a terminal, and where another name is
 * typed, it ends with the error.
 */
export async function confirm(
  { signal, globals }: Invocation,
  { question, name, refusal }: { question: string; name: string; refusal: ErrorCode },
): Promise<void> {
  const isTerminal = process.stdin.isTTY && process.stderr.isTTY && !globals.json;
  if (!isTerminal) throw new ClaireError(refusal, { found: 'Nobody was there to confirm it.' });
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const typed = await terminal.question(`${question}: `, { signal });
    if (typed.trim() !== name) throw new ClaireError(refusal, { found: 'Another name was typed.' });
  } catch (error) {
    // Ctrl-C at the question reaches the terminal's reader first, by this name.
    throw (error as Error).name === 'AbortError' ? new Interrupted() : error;
  } finally {
    terminal.close();
  }
}
