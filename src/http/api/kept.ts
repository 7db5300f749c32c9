interface Answer<T> {
  at: number;
  value: Promise<T>;
}

/** What was asked for, by key: once for all who want it, and again when it is too old for who wants it, or has failed. */
export class Kept<T> {
  readonly #all = new Map<string, Answer<T>>();

  /** `age_ms`: how old it may be, counted from the question. */
  get(key: string, ask: () => Promise<T>, age_ms = Number.POSITIVE_INFINITY): Promise<T> {
    const known = this.#all.get(key);
    if (known && performance.now() - known.at < age_ms) return known.value;
    const answer: Answer<T> = { at: performance.now(), value: ask() };
    this.#all.set(key, answer);
    answer.value.catch(() => {
      if (this.#all.get(key) === answer) this.#all.delete(key);
    });
    return answer.value;
  }

  values(): Promise<T>[] {
    return [...this.#all.values()].map(({ value }) => value);
  }
}
