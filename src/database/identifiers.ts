import { escapeIdentifier, escapeLiteral } from 'pg';
import { ClaireError } from '../errors/index.js';

/** The one place that quotes a name for SQL. Values are never quoted: they are parameters. */
export const identifier = (name: string): string => escapeIdentifier(name);

/** A text inside a statement that takes no parameters (DDL such as CREATE ROLE). */
export const literal = (text: string): string => escapeLiteral(text);

const BOOK = /^[a-z][a-z0-9_]{0,47}$/;
const RESERVED = /^(pg_.*|information_schema|claire_system|claire)$/;

/**
 * Checks the name of a book: a schema that needs no quotes anywhere, and none that belongs to the server.
 * @throws ClaireError book_name_invalid
 */
export function bookName(name: string): string {
  if (!BOOK.test(name) || RESERVED.test(name)) {
    throw new ClaireError('book_name_invalid', { found: `Found ${JSON.stringify(name)}.` });
  }
  return name;
}
