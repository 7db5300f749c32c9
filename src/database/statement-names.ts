/** From this use on a statement is kept prepared by the server: below it, preparing costs more than it spares. */
const WORTHWHILE = 5;
/** Each costs every connection some ten kilobytes on the server. First come, first served. */
const MOST_NAMED = 100;
/** Beyond it the counts begin again: statements are few, unless somebody writes values into their text. */
const MOST_COUNTED = 2000;

/**
 * Which statements of a pool go by a name, so that the server parses and plans them once a connection: planning takes
 * longer than answering where the answer is a few rows. As JDBC's `prepareThreshold` does it.
 */
export class StatementNames {
  readonly #uses = new Map<string, number>();
  readonly #names = new Map<string, string>();
  #given = 0;

  /** Counts a use. Gives the name under which the statement is prepared, if it is. */
  nameOf(text: string): string | undefined {
    const name = this.#names.get(text);
    if (name !== undefined || this.#names.size >= MOST_NAMED) return name;
    const uses = (this.#uses.get(text) ?? 0) + 1;
    if (uses < WORTHWHILE) {
      if (this.#uses.size >= MOST_COUNTED) this.#uses.clear();
      this.#uses.set(text, uses);
      return undefined;
    }
    this.#uses.delete(text);
    return this.renew(text);
  }

  /** Another name, which no connection knows yet: each prepares the statement anew. */
  renew(text: string): string {
    const name = `claire_${++this.#given}`;
    this.#names.set(text, name);
    return name;
  }
}
