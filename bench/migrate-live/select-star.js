/**
 * One connection with prepared `select *`, which the server refuses once a table has other columns. It keeps its
 * connection and prepares anew, as the drivers do: each refusal is one change of a table that such a client notices.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from './place.js';
import { TABLES } from './seed-schema.js';

const EVERY_MS = 100;

export class SelectStar {
  executed = 0;
  /** { table, sent, code, message } */
  failures = [];
  #running = true;
  #loop;

  async start(url) {
    this.client = await connect(url, 'bench select star');
    this.#loop = this.#work();
  }

  async stop() {
    this.#running = false;
    await this.#loop;
    await this.cut();
  }

  async cut() {
    this.#running = false;
    await this.client?.end();
  }

  async #work() {
    const prepared = Object.fromEntries(TABLES.map((table) => [table, 0]));
    for (let at = 0; this.#running; at++) {
      const table = TABLES[at % TABLES.length];
      const sent = performance.now();
      this.executed++;
      try {
        await this.client.query({
          name: `${table}_${prepared[table]}`,
          text: `SELECT * FROM ${table} WHERE id = $1`,
          values: [1 + (at % 1000)],
        });
      } catch (error) {
        if (!this.#running) return;
        this.failures.push({ table, sent, code: error.code ?? 'connection', message: error.message });
        prepared[table]++;
      }
      await sleep(EVERY_MS);
    }
  }
}
