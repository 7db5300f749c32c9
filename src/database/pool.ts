import { setTimeout as sleep } from 'node:timers/promises';
import { Pool, type PoolClient, type PoolConfig } from 'pg';
import { ClaireError, fromPostgres } from '../errors/index.js';
import { losslessParsers, typeParsers } from './codecs.js';
import { parseDatabaseUrl } from './connection-string.js';
import type { DatabaseOptions } from './database.js';
import { echoTo, guarded, warn } from './echo.js';
import { Holders, holdersText, type Notice } from './holders.js';
import { Link, type LinkConfig, type PooledLink } from './link.js';
import { PoolCounts, type PoolStats } from './pool-stats.js';
import { type Origin, Session, type SessionOptions } from './session.js';
import { StatementNames } from './statement-names.js';

/** The seed's. */
const CHECKOUT_MS = 30_000;
/** A connection that has been idle for longer is asked whether it lives before somebody gets it. */
const PING_AFTER_MS = 500;
const PING_MS = 2000;
/** How long a connection beyond the base stays idle. */
const OVERFLOW_IDLE_MS = 5000;
/** How long no more connections are asked for where the server gave no more. */
const FULL_MS = 1000;
/** A new password is in the server a moment before it is in its file. */
const LOGIN_MS = 2000;
/** Beyond the time limit of a statement, after which the server would have answered. */
const ANSWER_MS = 5000;

/**
 * `pg.Pool` and what it lacks: a checkout with an end, which says who holds the connections; connections that are
 * tried after a pause, and replaced; a return that leaves no transaction behind.
 */
export class ConnectionPool {
  readonly #options: DatabaseOptions;
  readonly #pool: Pool;
  readonly #largest: number;
  readonly #links = new Set<Link>();
  readonly #holders: Holders;
  readonly #session: SessionOptions;
  readonly #onLost: DatabaseOptions['onLost'];
  /** Connections that have not answered since are not tried one by one. */
  #doubtedBefore = 0;
  #hasConnected = false;
  #isClosing = false;
  #working = 0;
  #atRest: (() => void) | undefined;
  #full: NodeJS.Timeout | undefined;
  readonly #counts = new PoolCounts();

  constructor(options: DatabaseOptions) {
    this.#options = options;
    this.#onLost = options.onLost && guarded(options.onLost);
    this.#largest = options.connections ?? 10;
    const { connectionTimeoutMillis: connectWithin, ...address } = parseDatabaseUrl(options.databaseUrl);
    const config: PoolConfig & LinkConfig = {
      ...address,
      connectWithin,
      recycleAfter: options.recycleAfter,
      ...limitsOf(options),
      application_name: options.applicationName,
      max: this.#largest,
      min: Math.min(options.baseConnections ?? 0, this.#largest),
      idleTimeoutMillis: options.idleAfter ?? OVERFLOW_IDLE_MS,
      allowExitOnIdle: true,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      types: options.losslessJson ? losslessParsers : typeParsers,
      Client: Link,
    };
    this.#pool = new Pool(config);
    // An idle connection that the server ends is replaced at the next query; without a listener it would end us.
    this.#pool.on('error', (error) => this.#lose(error.message));
    this.#pool.on('connect', (link) => {
      this.#hasConnected = true;
      this.#links.add(link as unknown as Link);
    });
    this.#pool.on('remove', (link) => this.#links.delete(link as unknown as Link));
    const { statementTimeout = 0, leakAfter = 0, echo } = options;
    const readLimit =
      statementTimeout > 0 ? statementTimeout + Math.min(ANSWER_MS, statementTimeout) : undefined;
    const tell = guarded(options.onNotice ?? warn);
    const onNotice = (notice: Notice) => {
      if (notice.code === 'connection_held') this.#counts.add('leaks');
      tell(notice);
    };
    this.#holders = new Holders(options.applicationName, { leakAfter, readLimit }, onNotice);
    this.#session = {
      names: (options.preparedStatements ?? !options.pooler) ? new StatementNames() : undefined,
      readLimit,
      echo: echo && echoTo(options.applicationName, echo, options.echoValues ?? false),
      giveBack: (session) => this.#giveBack(session),
    };
  }

  /** How long a checkout may take, in milliseconds. */
  get checkoutTimeout(): number {
    return this.#options.checkoutTimeout ?? CHECKOUT_MS;
  }

  /** How long the server lets a statement take, in milliseconds. */
  get statementTimeout(): number {
    return this.#options.statementTimeout || Number.POSITIVE_INFINITY;
  }

  get hasIdle(): boolean {
    return this.#pool.idleCount > this.#pool.waitingCount;
  }

  /**
   * Lends a connection for the time of the work. `origin`: where it was borrowed; a single statement says so itself.
   * @throws ClaireError connections_exhausted, database_unreachable, login_refused, claire_closed
   */
  async lend<T>(work: (session: Session) => Promise<T>, origin?: Origin): Promise<T> {
    if (this.#isClosing) throw new ClaireError('claire_closed');
    this.#working++;
    let session: Session | undefined;
    try {
      const link = await this.#counts.checkout((since) => this.#checkout(since));
      session = new Session(link, this.#session, origin);
      this.#holders.take(session);
      return await work(session);
    } finally {
      if (session && !session.isBack) {
        // Not awaited where there is nothing to wait for: a small statement would notice.
        const back = this.#giveBack(session);
        if (back) await back;
      }
      if (--this.#working === 0) this.#atRest?.();
    }
  }

  stats(): PoolStats {
    const { totalCount, idleCount, waitingCount } = this.#pool;
    return {
      service: this.#options.applicationName,
      largest: this.#largest,
      in_use: totalCount - idleCount,
      idle: idleCount,
      waiting: waitingCount,
      ...this.#counts.snapshot(),
    };
  }

  /** Lends no more, waits for what is lent, and ends the connections, those of a dead server too. */
  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.#working > 0) {
      await new Promise<void>((resolve) => {
        this.#atRest = resolve;
      });
    }
    this.#holders.close();
    clearTimeout(this.#full);
    const ended = this.#pool.end();
    const timer = setTimeout(() => {
      for (const link of this.#links) link.sever();
    }, 1000);
    await ended.finally(() => clearTimeout(timer));
  }

  async #checkout(since: number): Promise<PooledLink> {
    const until = since + this.checkoutTimeout;
    /** Why there is none yet, where it is not that all are out. */
    let failure: ClaireError | undefined;
    for (let turn = 0; ; turn++) {
      try {
        const link = await this.#take(until);
        if (since - link.lastUsed < PING_AFTER_MS || (await this.#isAlive(link, until))) return link;
        link.sever();
        link.release(true);
      } catch (error) {
        if (error === LATE) throw this.#late(since, failure);
        failure = fromPostgres(error);
        const pause = this.#pauseAfter(failure, since, turn);
        if (pause === undefined || this.#isClosing) throw failure;
        const left = until - performance.now();
        if (left <= 0) throw this.#late(since, failure);
        // Not given up before its time: the last try is at the end.
        await sleep(Math.min(pause, left));
      }
    }
  }

  /** A connection of `pg.Pool`; one that comes too late goes back. */
  #take(until: number): Promise<PooledLink> {
    return new Promise((resolve, reject) => {
      let isLate = false;
      // One that is idle comes at once.
      const timer = this.hasIdle
        ? undefined
        : setTimeout(
            () => {
              isLate = true;
              this.#leaveQueue(taken);
              reject(LATE);
            },
            Math.max(1, until - performance.now()),
          );
      const taken = (error: Error | undefined, client: PoolClient | undefined) => {
        clearTimeout(timer);
        if (error) reject(error);
        else if (isLate) client!.release();
        else resolve(client as unknown as PooledLink);
      };
      this.#pool.connect(taken);
    });
  }

  /**
   * `pg.Pool` forgets those who wait only by its own time-out. Thousands who have given up would fill the memory while
   * nothing comes back, and then hand the connection on inside one another's calls until the stack is full.
   */
  #leaveQueue(taken: unknown): void {
    const queue = (this.#pool as unknown as { _pendingQueue: { callback: unknown }[] })._pendingQueue;
    const at = queue.findIndex(({ callback }) => callback === taken);
    if (at >= 0) queue.splice(at, 1);
  }

  async #isAlive(link: Link, until: number): Promise<boolean> {
    // What has been idle since before another one was found dead shares its fate, more often than not.
    if (link.isOld || link.lastUsed < this.#doubtedBefore) return false;
    try {
      const limit = Math.max(1, Math.min(PING_MS, this.checkoutTimeout / 3, until - performance.now()));
      await link.ask('select 1', limit);
      link.lastUsed = performance.now();
      return true;
    } catch (error) {
      this.#doubtedBefore = performance.now();
      this.#lose((error as Error).message);
      return false;
    }
  }

  #lose(reason: string): void {
    if (this.#isClosing) return;
    this.#counts.add('lost');
    this.#onLost?.({ service: this.#options.applicationName, reason });
  }

  /** How long to wait for what may pass by itself; undefined where it will not. */
  #pauseAfter(failure: ClaireError, since: number, turn: number): number | undefined {
    const pause = Math.min(500, 25 * 2 ** Math.min(turn, 5)) * (0.5 + Math.random());
    const state = failure.details?.sqlstate;
    if (failure.code === 'connections_exhausted') {
      this.#keepToWhatWeHave();
      return pause;
    }
    // It is starting, or recovers.
    if (state === '57P03') return pause;
    if (!this.#hasConnected) return undefined;
    if (failure.code === 'login_refused') return performance.now() - since < LOGIN_MS ? pause : undefined;
    const isAway = failure.code === 'database_unreachable' && state !== '3D000';
    return isAway && this.#options.reconnects ? pause : undefined;
  }

  /** The server gives no more: for a moment those who wait queue for what there is instead of asking in vain. */
  #keepToWhatWeHave(): void {
    const { options } = this.#pool;
    if (this.#links.size === 0 || this.#full) return;
    // Those that are being made do not count: each that is refused would make room to ask for the next.
    options.max = this.#links.size;
    this.#full = setTimeout(() => {
      this.#full = undefined;
      options.max = this.#largest;
      this.#askAgain();
    }, FULL_MS);
    this.#full.unref();
  }

  /** `pg.Pool` looks at its queue when something comes back: of a place in the server it hears only by asking. */
  #askAgain(): void {
    const { waitingCount, totalCount, idleCount } = this.#pool;
    if (waitingCount === 0 || idleCount > 0 || totalCount >= this.#largest) return;
    this.#pool.connect((error, client) => {
      client?.release();
      if (!error) this.#askAgain();
    });
  }

  #late(since: number, cause: ClaireError | undefined): ClaireError {
    if (cause && cause.code !== 'connections_exhausted') return cause;
    const service = this.#options.applicationName;
    const holders = this.#holders.list();
    const waited_ms = Math.round(performance.now() - since);
    // A place that is taken by what is not connected yet: nobody holds it, the server is silent.
    if (!cause && this.#pool.totalCount > this.#links.size) {
      const found = `${service} asked for a new connection and got no answer in ${(waited_ms / 1000).toFixed(1)} s.`;
      return new ClaireError('database_unreachable', { found, details: { waited_ms } });
    }
    const server = cause ? ` The server gives no more: ${(cause.cause as Error).message}.` : '';
    return new ClaireError('connections_exhausted', {
      found:
        `${service} has ${holders.length} connections out, and may have ${this.#largest}; ` +
        `waited ${(waited_ms / 1000).toFixed(1)} s.${server}${holdersText(holders)}`,
      details: { service, largest: this.#largest, waited_ms, holders },
      cause,
    });
  }

  #giveBack(session: Session): Promise<void> | undefined {
    const { link } = session;
    session.isBack = true;
    session.end();
    this.#holders.giveBack(session);
    const now = performance.now();
    if (session.isSilent) this.#doubtedBefore = now;
    const isKnown = session.whole && !session.isBusy;
    const release = () => {
      const isUsable = isKnown && link.getTransactionStatus() === 'I';
      if (!isUsable) link.sever();
      link.lastUsed = now;
      link.release(!isUsable || link.isOld);
      session.leave();
    };
    if (isKnown && link.getTransactionStatus() !== 'I') {
      return link.ask('rollback', PING_MS).then(release, release);
    }
    release();
    return undefined;
  }
}

const LATE = new Error('late');

/** What the server is told of time limits: nothing through a pooler, which refuses what it does not know. */
function limitsOf({ pooler, statementTimeout, idleInTransactionTimeout }: DatabaseOptions) {
  if (pooler) return {};
  return {
    ...(statementTimeout === undefined ? {} : { statement_timeout: told(statementTimeout) }),
    ...(idleInTransactionTimeout === undefined
      ? {}
      : { idle_in_transaction_session_timeout: told(idleInTransactionTimeout) }),
  };
}

/** As text: a zero that is a number the driver takes for nothing said, and a limit of the role's own would count. */
const told = (milliseconds: number) => String(milliseconds) as unknown as number;
