import { get, type Rows } from './api.js';
import { type Loaded, useLoad } from './load.js';

export interface Book {
  book: string;
  version: string | null;
  /** The one that is meant where none is named. */
  current: boolean;
}

export const useBooks = (): Loaded<Rows<Book>> =>
  useLoad('books', (caller) => get<Rows<Book>>(caller, '/v1/books'));
