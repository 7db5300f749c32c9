import { ClaireError } from '../errors/index.js';
import type { Queryable, QueryOptions } from './database.js';
import type { Session } from './session.js';

/** For so long may go on what runs when the time is over: the server is told its limit twice a second, not before each statement. */
const SLACK_MS = 1000;

/** By when work has to be done, and whether anybody waits for it. */
export class Deadline {
  readonly #milliseconds: number;
  readonly #until: number;
  readonly #isAbandoned: () => boolean;

  /** Nothing begins after `milliseconds`, and all of it has ended a second later. */
  constructor(milliseconds: number, isAbandoned: () => boolean = () => false) {
    this.#milliseconds = milliseconds;
    this.#until = performance.now() + milliseconds;
    this.#isAbandoned = isAbandoned;
  }

  /** As long again, from now on, whoever waits. */
  renewed(): Deadline {
    return new Deadline(this.#milliseconds);
  }

  /** How long a statement that begins now may take, in milliseconds. */
  get longest(): number {
    return Math.max(0, this.#until - performance.now()) + SLACK_MS;
  }

  /** @throws ClaireError deadline_passed */
  require(): void {
    if (this.#isAbandoned())
      throw new ClaireError('deadline_passed', { found: 'Nobody waits for the answer.' });
    if (performance.now() >= this.#until) throw new ClaireError('deadline_passed');
  }

  /**
   * What work gives, or an error when its time is over, whatever becomes of it: for what writes nothing.
   * @throws ClaireError deadline_passed
   */
  async limit<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new ClaireError('deadline_passed')), this.longest);
    });
    return Promise.race([work, late]).finally(() => clearTimeout(timer));
  }
}

/** A transaction that has to end: its statements begin and end in time. */
export class InTime implements Queryable {
  readonly #session: Session;
  readonly #deadline: Deadline;
  /** The time limit of a statement outside of this transaction, and in it. */
  readonly #usual: number;
  #told: number;

  constructor(session: Session, deadline: Deadline, statementTimeout: number) {
    this.#session = session;
    this.#deadline = deadline;
    this.#usual = statementTimeout;
    this.#told = statementTimeout;
  }

  async query<Row>(text: string, values?: readonly unknown[], options?: QueryOptions): Promise<Row[]> {
    this.#deadline.require();
    // It takes settings back that were made since; and where a statement has failed, none can be made.
    if (/^rollback to /.test(text)) this.#told = this.#usual;
    else await this.#tell();
    return this.#session.query(text, values, options);
  }

  async #tell(): Promise<void> {
    const { longest } = this.#deadline;
    if (this.#told <= longest) return;
    // Half of the slack below, so that the next statements need not tell it again.
    this.#told = Math.ceil(longest - SLACK_MS / 2);
    await this.#session.query(`select set_config('statement_timeout', $1, true)`, [String(this.#told)]);
  }
}
