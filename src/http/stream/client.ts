import type { ServerResponse } from 'node:http';
import { toJson } from '../../database/index.js';

/** What may wait for somebody who reads slowly: more would be memory that grows with him. */
const MOST_EVENTS = 1000;
const MOST_BYTES = 1024 * 1024;

/** Events as they are written, once for everybody who is sent them. */
export interface Written {
  text: string;
  count: number;
  /** Cursor of the last of them. */
  last: string;
}

/** Somebody who listens. Who is slower than what happens is dropped; he knows the last id that he got, and comes again. */
export class Client {
  readonly #response: ServerResponse;
  #waiting = 0;
  /** Cursor up to which he was sent everything. */
  after: string;

  constructor(response: ServerResponse, after: string) {
    this.#response = response;
    this.after = after;
  }

  get isGone(): boolean {
    return this.#response.writableEnded || this.#response.destroyed;
  }

  /** False where he was too slow, and is gone. */
  send({ text, count, last }: Written): boolean {
    if (this.isGone) return false;
    const response = this.#response;
    if (response.writableLength === 0) this.#waiting = 0;
    this.#waiting += count;
    if (this.#waiting > MOST_EVENTS || response.writableLength + text.length > MOST_BYTES) {
      response.destroy();
      return false;
    }
    response.write(text);
    this.after = last;
    return true;
  }

  /** Something that is no event of the record. */
  say(text: string): void {
    this.send({ text, count: 1, last: this.after });
  }

  /** Resolves when nothing waits any more, or he is gone. */
  async drained(): Promise<void> {
    const response = this.#response;
    if (this.isGone || !response.writableNeedDrain) return;
    await new Promise<void>((done) => {
      response.once('drain', done);
      response.once('close', done);
    });
  }

  end(reason: string): void {
    if (this.isGone) return;
    this.#response.end(message('bye', { reason }));
  }
}

/** One message of the stream. JSON has no line breaks, so none can begin another message. */
export const message = (event: string, data: object, id?: string): string =>
  `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${toJson(data)}\n\n`;
