import fastify, { type FastifyInstance } from 'fastify';
import { ClaireError } from '../errors/index.js';
import { isLoopbackName } from './address.js';
import type { Collector, Requests } from './metrics/index.js';
import { problemOf, rawProblem, sendProblem } from './problems.js';
import { addHealth } from './routes/health.js';
import { addMetrics } from './routes/metrics.js';

export interface AppOptions {
  collector: Pick<Collector, 'text' | 'contentType'>;
  requests: Pick<Requests, 'add'>;
  /** Resolves where the book can be worked with; else throws why not. */
  ready: () => Promise<void>;
  /** Told of errors that are not in the catalogue. */
  onUnknown: (error: unknown) => void;
  /** Told of requests that are refused before they reach a route. */
  onRefused?: (refusal: { code: string; host: string }) => void;
}

/** No route of these reads a body, and no header of theirs is long. */
const MOST_BODY_BYTES = 64 * 1024;
const REQUEST_MS = 10_000;

/** Everything that is served, apart from listening. */
export function build({ collector, requests, ready, onUnknown, onRefused }: AppOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: MOST_BODY_BYTES,
    requestTimeout: REQUEST_MS,
    // Who keeps a connection open without asking is not waited for when it ends.
    forceCloseConnections: 'idle',
    frameworkErrors: (error, _, reply) => void sendProblem(reply, problemOf(error, onUnknown)),
    clientErrorHandler(error, socket) {
      if (error.code === 'ECONNRESET' || !socket.writable) return;
      const invalid = new ClaireError('http_request_invalid', { cause: error });
      socket.end(rawProblem(problemOf(invalid, onUnknown)));
    },
  });
  app.setErrorHandler((error, _, reply) => sendProblem(reply, problemOf(error, onUnknown)));
  app.setNotFoundHandler(({ method, url }, reply) => {
    const found = `${method} ${url.split('?')[0]}.`;
    return sendProblem(reply, problemOf(new ClaireError('http_route_missing', { found }), onUnknown));
  });
  app.addHook('onRequest', async ({ headers: { host } }) => {
    if (isLoopbackName(host)) return;
    onRefused?.({ code: 'http_host_refused', host: String(host ?? '') });
    throw new ClaireError('http_host_refused');
  });
  app.addHook('onSend', async (_, reply) => {
    reply.header('x-content-type-options', 'nosniff').header('cache-control', 'no-store');
  });
  app.addHook('onResponse', async ({ method, routeOptions }, { statusCode }) => {
    // The pattern and not the address: as many lines as there are routes, whatever is asked for.
    requests.add({ method, route: routeOptions.url ?? 'none', status: String(statusCode) });
  });
  addHealth(app, ready);
  addMetrics(app, collector);
  return app;
}
