import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '../../../config.js';

/** The server as its own process. */
export interface Server {
  url: string;
  /** Memory that it holds, in bytes, and the streams that it has open. */
  state(): Promise<{ bytes: number; streams: number }>;
  stop(): Promise<void>;
}

export async function startServer(databaseUrl: string): Promise<Server> {
  const file = fileURLToPath(new URL('./server.js', import.meta.url));
  const child: ChildProcess = fork(file, [databaseUrl], { env: childEnvironment() });
  const said = async <T>(): Promise<T> => (await once(child, 'message'))[0] as T;
  const { url } = await said<{ url: string }>();
  return {
    url,
    state() {
      const answer = said<{ bytes: number; streams: number }>();
      child.send('state');
      return answer;
    },
    async stop() {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** Asks and takes the whole answer; not by fetch, which costs more than what is measured. */
export function ask(url: string, body?: string): Promise<void> {
  const options = body === undefined ? { agent } : { agent, method: 'POST', headers: HEADERS };
  return new Promise((done, failed) => {
    const asking = request(url, options, (answer) => {
      answer.resume();
      const isGood = answer.statusCode === 200;
      answer.once('end', () => (isGood ? done() : failed(new Error(`${url}: ${answer.statusCode}`))));
    });
    asking.once('error', failed);
    asking.end(body);
  });
}

const HEADERS = { 'content-type': 'application/json', authorization: 'Bearer bench' };

/** Streams that stay open; slow ones read nothing, and come again when they are dropped. */
export class Listeners {
  readonly #url: URL;
  readonly #count: number;
  readonly #slow: Socket[] = [];
  readonly #sockets = new Set<Socket>();
  dropped = 0;

  constructor(url: string, count: number, slow: number) {
    this.#url = new URL(url);
    this.#count = count;
    for (let n = 0; n < count; n++) this.#open(n < slow);
  }

  /** Of as many as the server has let go others come: who does not read does not see his end either. */
  comeAgain(open: number): void {
    for (const gone of this.#slow.splice(0, this.#count - open)) {
      this.#sockets.delete(gone);
      gone.destroy();
      this.dropped++;
      this.#open(true);
    }
  }

  end(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #open(isSlow: boolean): void {
    const socket = connect(Number(this.#url.port), this.#url.hostname);
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.write(`GET /v1/stream HTTP/1.1\r\nhost: ${this.#url.host}\r\n\r\n`);
    if (isSlow) {
      this.#slow.push(socket);
      socket.pause();
    } else socket.resume();
  }
}
