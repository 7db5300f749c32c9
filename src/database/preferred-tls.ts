import { isIP, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';

/** As PostgreSQL's protocol has it: eight bytes long, and the number that stands for TLS. */
const REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

/**
 * A socket to PostgreSQL for `sslmode=prefer`: with TLS where the server has it, else without, which the driver cannot. To
 * the driver it is a plain one that is connected once that is settled.
 */
export class PreferredTls extends Duplex {
  readonly #socket = new Socket();
  readonly #options: ConnectionOptions;
  /** What is spoken through: the socket itself, or TLS upon it. */
  #inner: Duplex = this.#socket;

  constructor(options: ConnectionOptions) {
    super();
    this.#options = options;
    this.#socket.on('error', (error) => this.destroy(error));
    this.#socket.on('close', () => this.destroy());
  }

  connect(port: number, host?: string): this {
    this.#socket.connect(port, host ?? 'localhost');
    this.#socket.once('connect', () => this.#socket.write(REQUEST));
    this.#socket.once('data', (answer) => this.#settle(answer.toString('latin1'), host));
    return this;
  }

  /** The server says one letter, and nothing before we have gone on: more of it would be somebody else's. */
  #settle(answer: string, host: string | undefined): void {
    this.#socket.pause();
    if (answer === 'N') this.#use(this.#socket);
    else if (answer === 'S') {
      const named = host === undefined || isIP(host) ? {} : { servername: host };
      const secure = connectTls({ ...this.#options, ...named, socket: this.#socket });
      secure.on('error', (error) => this.destroy(error));
      secure.once('secureConnect', () => this.#use(secure));
    } else this.destroy(new Error('There was an error establishing an SSL connection'));
  }

  #use(inner: Duplex): void {
    this.#inner = inner;
    inner.on('data', (chunk) => {
      if (!this.push(chunk)) inner.pause();
    });
    inner.on('end', () => this.push(null));
    inner.resume();
    this.emit('connect');
  }

  override _read(): void {
    this.#inner.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#inner.write(chunk, encoding, done);
  }

  override _final(done: () => void): void {
    this.#inner.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#inner.destroy();
    this.#socket.destroy();
    done(error);
  }

  setNoDelay(on?: boolean): this {
    this.#socket.setNoDelay(on);
    return this;
  }

  setKeepAlive(on?: boolean, delay?: number): this {
    this.#socket.setKeepAlive(on, delay);
    return this;
  }

  ref(): this {
    this.#socket.ref();
    return this;
  }

  unref(): this {
    this.#socket.unref();
    return this;
  }
}
