import { setTimeout as sleep } from 'node:timers/promises';
import type { LogEvent, LogPage } from '../../operations/index.js';
import { type Client, message, type Written } from './client.js';

/** The log of a book after a cursor; from now on without one. */
export type ReadLog = (options: { after?: string; limit: number }) => Promise<LogPage>;

export interface HubOptions {
  /** What happens; read for everybody. */
  read: ReadLog;
  onError(error: unknown): void;
  /** How often the log is asked, while somebody listens. */
  everyMs?: number;
}

/** Ten times a second costs a hundredth of a connection, and what happened is seen within that. */
const EVERY_MS = 100;
/** After an error the server is asked more slowly. */
const PAUSE_MS = 1000;
/** Rows of the log at once: with the positions beside them they are what may wait for one who listens. */
const PAGE = 250;

/** What is held back is old when it is this old, and told of when each read of as long again has found such: after 2 s. */
const HELD_MS = 1000;

/** Reads the log of a book once for everybody who listens, as long as somebody does. */
export class Hub {
  readonly #options: HubOptions;
  readonly #clients = new Set<Client>();
  #after: string | undefined;
  #running: Promise<void> | undefined;
  /** What clients are told of the stream itself. */
  #state: State = FINE;
  /** Since which moment of our own clock something is held back for long. */
  #heldFrom: number | undefined;
  /** Those that are sent what they have missed. */
  readonly #joining = new Set<Client>();
  #reason: string | undefined;
  readonly #ended = new AbortController();

  constructor(options: HubOptions) {
    this.#options = options;
  }

  /**
   * Sends a client what he has missed, and from then on what happens. Where that is gone he is told that there is a gap,
   * and goes on from now. `read`: with it he catches up, as long as it takes, and nobody waits for him.
   */
  async join(client: Client, read: ReadLog): Promise<void> {
    if (this.#reason !== undefined) return client.end(this.#reason);
    this.#joining.add(client);
    try {
      await this.#catchUp(client, read);
    } finally {
      this.#joining.delete(client);
    }
  }

  async #catchUp(client: Client, read: ReadLog): Promise<void> {
    for (let isBehind = true; isBehind; ) {
      const page = await read({ after: client.after, limit: PAGE });
      if (page.gap) client.say(gapText(page));
      else if (page.events.length > 0) client.send(writtenOf(page));
      if (client.isGone) return;
      client.after = page.cursor;
      if (page.events.length > 0) await client.drained();
      // What follows comes by the hub, where that is not further yet; nothing is awaited before he joins.
      isBehind =
        page.events.length >= PAGE || (this.#after !== undefined && isBefore(client.after, this.#after));
    }
    if (client.isGone) return;
    this.#after ??= client.after;
    this.#clients.add(client);
    if (this.#state !== FINE) client.say(aliveText(this.#state));
    this.#start();
  }

  leave(client: Client): void {
    this.#clients.delete(client);
  }

  /** A sign of life for each, which says whether what happens arrives. */
  beat(): void {
    for (const client of this.#clients) client.say(aliveText(this.#state));
  }

  /** Told at once where it begins or ends that the stream stands still. */
  #become(state: State): void {
    const before = this.#state;
    this.#state = state.held_since_ms === null && state.failing_since_ms === null ? FINE : state;
    if (FIELDS.some((field) => (before[field] === null) !== (state[field] === null))) this.beat();
  }

  /** Tells everybody that it ends, and why. */
  async close(reason: string): Promise<void> {
    this.#reason = reason;
    this.#ended.abort();
    for (const client of [...this.#joining, ...this.#clients]) client.end(reason);
    this.#clients.clear();
    await this.#running;
  }

  #start(): void {
    if (this.#ended.signal.aborted) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#clients.size > 0) return this.#start();
      this.#after = undefined;
      this.#heldFrom = undefined;
      this.#state = FINE;
    });
  }

  async #run(): Promise<void> {
    const { everyMs = EVERY_MS } = this.#options;
    const { signal } = this.#ended;
    while (this.#clients.size > 0 && !signal.aborted) {
      const isMore = await this.#turn().catch(async (error: unknown) => {
        this.#options.onError(error);
        this.#become({ ...this.#state, failing_since_ms: this.#state.failing_since_ms ?? Date.now() });
        await sleep(PAUSE_MS, undefined, { signal }).catch(() => {});
        return false;
      });
      if (!isMore) await sleep(everyMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Whether there was so much that there may be more. */
  async #turn(): Promise<boolean> {
    const page = await this.#options.read({ after: this.#after!, limit: PAGE });
    this.#after = page.cursor;
    this.#become({ held_since_ms: this.#heldLong(page), failing_since_ms: null });
    if (page.gap) this.#tell(() => ({ text: gapText(page), count: 1, last: page.cursor }));
    else if (page.events.length > 0) this.#tellOf(page);
    return page.events.length >= PAGE;
  }

  /** Writers that meet hold one another back in passing, which is nobody's business. */
  #heldLong({ held_since_ms }: LogPage): number | null {
    const now = performance.now();
    const isLong = held_since_ms !== null && Date.now() - held_since_ms >= HELD_MS;
    this.#heldFrom = isLong ? (this.#heldFrom ?? now) : undefined;
    return this.#heldFrom !== undefined && now - this.#heldFrom >= HELD_MS ? held_since_ms : null;
  }

  #tellOf(page: LogPage): void {
    const all = writtenOf(page);
    const first = page.events[0]!.cursor;
    this.#tell(({ after }) => {
      if (isBefore(after, first)) return all;
      // Who has just joined heard the first of them before.
      const events = page.events.filter(({ cursor }) => isBefore(after, cursor));
      return events.length > 0 ? writtenOf({ ...page, events }) : undefined;
    });
  }

  #tell(newsFor: (client: Client) => Written | undefined): void {
    for (const client of this.#clients) {
      const news = newsFor(client);
      if (news && !client.send(news)) this.#clients.delete(client);
    }
  }
}

interface State {
  /** When the first of what is committed and held back was written. */
  held_since_ms: number | null;
  /** Since when the log cannot be read. */
  failing_since_ms: number | null;
}

const FINE: State = { held_since_ms: null, failing_since_ms: null };
const FIELDS = ['held_since_ms', 'failing_since_ms'] as const;

const aliveText = (state: State): string => message('alive', { at_ms: Date.now(), ...state });

const gapText = ({ cursor }: LogPage): string => message('gap', { at_ms: Date.now() }, cursor);

function writtenOf({ events, cursor }: Pick<LogPage, 'events' | 'cursor'>): Written {
  return { text: events.map(textOf).join(''), count: events.length, last: events.at(-1)?.cursor ?? cursor };
}

const textOf = ({ what, row, actor, cursor }: LogEvent): string =>
  message(what, { ...row, actor: row.actor ?? actor }, cursor);

/** Cursors are places: transaction, row of the log, step in it. */
export function isBefore(a: string, b: string): boolean {
  const [left, right] = [a, b].map((cursor) => cursor.split('.').map(BigInt)) as [bigint[], bigint[]];
  const at = left.findIndex((part, place) => part !== right[place]);
  return at >= 0 && left[at]! < right[at]!;
}
