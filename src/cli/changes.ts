import { parseJsonExactly } from '../database/index.js';
import { ClaireError } from '../errors/index.js';

/** Columns that hold JSON; every other value travels as text, so that no decimal passes through a float. */
const JSON_COLUMNS = ['metadata', 'details'];

/** `COLUMN=VALUE` as columns and their values; nothing after the sign means NULL. */
export function changesOf(given: string[], form = 'COLUMN=VALUE'): Record<string, unknown> {
  const changes = new Map<string, unknown>();
  for (const change of given) {
    const at = change.indexOf('=');
    if (at < 1) throw new ClaireError('input_invalid', { found: `changes: ${change} is not ${form}.` });
    const column = change.slice(0, at);
    if (changes.has(column)) {
      throw new ClaireError('input_invalid', { found: `changes: ${column} is given twice.` });
    }
    changes.set(column, correctedValue(column, change.slice(at + 1)));
  }
  return Object.fromEntries(changes);
}

function correctedValue(column: string, text: string): unknown {
  if (text === '') return null;
  if (!JSON_COLUMNS.includes(column)) return text;
  try {
    return parseJsonExactly(text);
  } catch (error) {
    throw new ClaireError('input_invalid', {
      found: `changes: ${column} is not JSON: ${text}`,
      cause: error,
    });
  }
}
