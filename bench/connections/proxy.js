/**
 * A network that can break: forwards TCP connections to a server on this machine until it is told otherwise. While it
 * is frozen or severed nothing passes, neither data nor the end of a connection, and a new connection is taken as the
 * system takes it, without an answer.
 */
import { connect, createServer } from 'node:net';

const HOST = '127.0.0.1';

/** @param {number} port of the server, on this machine */
export async function openProxy(port) {
  const links = new Set();
  let isPassing = true;
  /** @type {{ text: string, question: boolean } | undefined} */
  let loss;
  const listener = createServer({ pauseOnConnect: true }, (client) => {
    const link = new Link(client, port, {
      onEnd: () => links.delete(link),
      onSend(chunk) {
        if (!loss || !chunk.includes(loss.text)) return true;
        link.lose(loss);
        loss = undefined;
        return link.asks;
      },
    });
    links.add(link);
    if (isPassing) link.pass();
  });
  await new Promise((resolve, reject) => {
    listener.once('error', reject).listen(0, HOST, resolve);
  });
  const each = (work) => {
    for (const link of [...links]) work(link);
  };
  const thaw = () => {
    isPassing = true;
    each((link) => link.pass());
  };
  const freeze = () => {
    isPassing = false;
    each((link) => link.hold());
  };
  /** @param {string} text  @param {boolean} question */
  const loseAt = (text, question) => {
    loss = { text, question };
  };
  return {
    port: /** @type {import('node:net').AddressInfo} */ (listener.address()).port,
    /** Connections of clients that have not ended. */
    open: () => links.size,
    /** Ends every connection on both sides at once. */
    cut() {
      loss = undefined;
      each((link) => link.end());
    },
    /** Stops forwarding; what was sent meanwhile arrives after `thaw`. */
    freeze,
    thaw,
    /** Stops forwarding, and loses for good what is connected now: neither side is told, only `heal` lets new ones through. */
    sever() {
      freeze();
      each((link) => link.lose({ question: true }));
    },
    /** The next connection that sends this text is silent from there on: the text and all after it do not arrive. */
    loseQuestion: (text) => loseAt(text, true),
    /** As that, but the text still arrives: its answer does not. */
    loseAnswer: (text) => loseAt(text, false),
    /** Whether the text came since. */
    hasLost: () => loss === undefined,
    /** New connections work again. An old one stays silent until one side ends it, of which the other then hears. */
    heal: thaw,
    async close() {
      each((link) => link.end());
      await new Promise((resolve) => {
        listener.close(resolve);
      });
    },
  };
}

/** One connection of a client and ours to the server. */
class Link {
  #client;
  #port;
  #server;
  #isPassing = false;
  /** Whether what the client sends still arrives, and what the server answers. */
  asks = true;
  answers = true;

  constructor(client, port, { onEnd, onSend }) {
    this.#client = client;
    this.#port = port;
    client.setNoDelay(true).on('close', onEnd);
    this.#join(
      client,
      () => this.#server,
      (chunk) => this.asks && onSend(chunk),
    );
  }

  pass() {
    this.#isPassing = true;
    // Only now: while nothing passes the server does not hear of a new client.
    if (!this.#server) {
      this.#server = connect(this.#port, HOST).setNoDelay(true);
      this.#join(
        this.#server,
        () => this.#client,
        () => this.answers,
      );
    }
    this.#client.resume();
    this.#server.resume();
  }

  /** A socket that is not read does not tell that the other side has ended it, either. */
  hold() {
    this.#isPassing = false;
    this.#client.pause();
    this.#server?.pause();
  }

  lose({ question }) {
    this.asks = !question;
    this.answers = false;
  }

  end() {
    this.#client.destroy();
    this.#server?.destroy();
  }

  #join(from, to, passes) {
    from.on('data', (chunk) => {
      if (!passes(chunk) || to()?.write(chunk) !== false) return;
      from.pause();
      to().once('drain', () => this.#isPassing && from.resume());
    });
    from.on('close', () => to()?.destroy());
    // 'close' follows.
    from.on('error', () => {});
  }
}
