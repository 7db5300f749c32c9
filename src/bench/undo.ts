/** A step of undoing that failed. */
export interface Undone {
  error: unknown;
  /** What is still there, for people. Undefined where the end of the process takes it away. */
  remains: string | undefined;
}

interface Step {
  undo: () => Promise<unknown>;
  remains: string | undefined;
}

/** What is to be undone at the end, the last first; also where only half of it was done. */
export class Undo {
  readonly #steps: Step[] = [];
  #ended = false;

  /** `remains` names what stays where the step fails. Once the end has begun nothing new is allowed to come into being. */
  add(undo: () => Promise<unknown>, remains?: string): void {
    if (this.#ended) {
      undo().catch(() => {});
      throw new Error('The bench has ended.');
    }
    this.#steps.push({ undo, remains });
  }

  /** Runs every step, whatever becomes of the others. Gives what went wrong. */
  async run(): Promise<Undone[]> {
    this.#ended = true;
    const failed: Undone[] = [];
    for (const { undo, remains } of this.#steps.splice(0).reverse()) {
      await undo().catch((error: unknown) => failed.push({ error, remains }));
    }
    return failed;
  }
}
