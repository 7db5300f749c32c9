/** A question that is on its way. */
interface Asked {
  /** Settles when it is answered, whatever the answer is. */
  ended: Promise<unknown>;
  /** The answer for those who have come since it was put. */
  next?: Promise<unknown>;
}

/**
 * Many who ask the same at the same time are answered together: while one question is on its way, those who come wait for
 * the next one. So nobody is answered by a question that was put before he came: what was committed before he asked is in
 * his answer.
 */
export class Together {
  readonly #asked = new Map<string, Asked>();

  /** `key`: of all that the answer depends on. */
  ask<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#asked.get(key);
    if (!before) return this.#put(key, work);
    before.next ??= before.ended.then(() => this.#put(key, work));
    return before.next as Promise<T>;
  }

  #put<T>(key: string, work: () => Promise<T>): Promise<T> {
    const answer = work();
    const ended = answer.then(
      () => {},
      () => {},
    );
    const asked: Asked = { ended };
    this.#asked.set(key, asked);
    // Before those who wait go on: one of them puts the next.
    void ended.then(() => {
      if (!asked.next) this.#asked.delete(key);
    });
    return answer;
  }
}
