import type { Session } from './session.js';

/** Something about a pool that a person should know, though no call fails. */
export interface Notice {
  code: 'connection_held' | 'connection_returned';
  message: string;
  details: Holder & { service: string };
}

/** Who has a connection, and since when. */
export interface Holder {
  held_ms: number;
  /** The statement that is run on it, or was last, without its values. */
  statement: string | null;
  /** Where in the program it was borrowed, the innermost call first. */
  stack: string[];
}

/** How many holders a sentence names. */
const NAMED = 5;

/** The connections that are out, for errors and for reports of those that do not come back. */
export class Holders {
  readonly #service: string;
  readonly #leakAfter: number;
  readonly #onNotice: (notice: Notice) => void;
  readonly #out = new Set<Session>();
  readonly #timer: NodeJS.Timeout;

  /** `leakAfter`: milliseconds, 0 for never; `readLimit`: see a session's. */
  constructor(
    service: string,
    { leakAfter, readLimit = 0 }: { leakAfter: number; readLimit: number | undefined },
    onNotice: (notice: Notice) => void,
  ) {
    this.#service = service;
    this.#leakAfter = leakAfter;
    this.#onNotice = onNotice;
    // A look now and then costs less than a timer a statement.
    const shortest = Math.min(leakAfter || Number.POSITIVE_INFINITY, readLimit || Number.POSITIVE_INFINITY);
    this.#timer = setInterval(() => this.#look(), Math.min(1000, shortest / 4));
    this.#timer.unref();
  }

  take(session: Session): void {
    this.#out.add(session);
  }

  giveBack(session: Session): void {
    this.#out.delete(session);
    if (!session.isReported) return;
    this.#tell(
      'connection_returned',
      session,
      `came back after ${seconds(performance.now() - session.since)}`,
    );
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Those who have a connection, longest first. */
  list(): Holder[] {
    return [...this.#out].map(holderOf).sort((a, b) => b.held_ms - a.held_ms);
  }

  #look(): void {
    const now = performance.now();
    for (const session of this.#out) {
      session.requireAnswer(now);
      const isLate = this.#leakAfter > 0 && now - session.since >= this.#leakAfter;
      if (!isLate || session.isReported || session.isKept) continue;
      session.isReported = true;
      this.#tell('connection_held', session, `has been out for ${seconds(this.#leakAfter)}`);
    }
  }

  #tell(code: Notice['code'], session: Session, what: string): void {
    const holder = holderOf(session);
    const message = `A connection of ${this.#service} ${what}: ${placeOf(holder)}.`;
    this.#onNotice({ code, message, details: { service: this.#service, ...holder } });
  }
}

/** The holders as a sentence. */
export function holdersText(holders: readonly Holder[]): string {
  if (holders.length === 0) return '';
  const named = holders.slice(0, NAMED).map((holder) => `for ${seconds(holder.held_ms)}: ${placeOf(holder)}`);
  const others = holders.length > NAMED ? `; and ${holders.length - NAMED} more` : '';
  return ` They are held ${named.join('; ')}${others}.`;
}

function holderOf(session: Session): Holder {
  const stack = (session.origin?.stack ?? '').split('\n').slice(1);
  return {
    held_ms: Math.round(performance.now() - session.since),
    statement: session.statement === '' ? null : session.statement,
    stack: stack.map((line) => line.trim().replace(/^at /, '')),
  };
}

/** The statement in brief, and the first call that is the caller's own. */
function placeOf({ statement, stack }: Holder): string {
  const text = statement === null ? 'no statement yet' : statement.replace(/\s+/g, ' ').trim();
  const brief = text.length > 80 ? `${text.slice(0, 79)}…` : text;
  const own = stack.find((line) => !OURS.test(line) && !line.startsWith('node:')) ?? stack[0];
  return own ? `${brief} (borrowed at ${own})` : brief;
}

/** Files of this package, as they stand in a stack. */
const OURS = new RegExp(new URL('..', import.meta.url).pathname.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;
