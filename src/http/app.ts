import fastify, { type FastifyInstance } from 'fastify';
import { ClaireError } from '../errors/index.js';
import { isHostOf, isLoopbackName } from './address.js';
import { Access, isOfThisMachine, requireLook } from './api/access.js';
import type { Endpoint } from './api/endpoint.js';
import { Rates } from './api/limits.js';
import { addReference } from './api/reference.js';
import { type ApiOptions, addApi } from './api/routes.js';
import { SECURITY } from './headers.js';
import type { Collector, Requests } from './metrics/index.js';
import { ofConnection, problemOf, rawProblem, sendProblem } from './problems.js';
import { addHealth } from './routes/health.js';
import { addMetrics } from './routes/metrics.js';
import { addMissing } from './routes/missing.js';
import { addPage } from './routes/page.js';

export interface AppOptions {
  collector: Pick<Collector, 'text' | 'contentType'>;
  requests: Pick<Requests, 'add'>;
  /** Resolves where the book can be worked with; else throws why not. */
  ready: () => Promise<void>;
  /** Told of errors that are not in the catalogue. */
  onUnknown: (error: unknown) => void;
  /** What is under /v1. */
  api?: ApiOptions & { endpoints: readonly Endpoint[] };
  /** Whether other machines reach it. They show a token, whatever they call it. */
  isPublic?: boolean;
  /** Told of requests that are refused before they reach a route. */
  onRefused?: (refusal: { code: string; host: string }) => void;
}

/** Without a body that somebody asks for. */
const MOST_BODY_BYTES = 64 * 1024;
const REQUEST_MS = 10_000;
/** Who sends a header a minute keeps a connection for ever: looked for each second, and ended. */
const HEADERS_MS = 5000;
const LOOK_MS = 1000;
/** Streams and whoever asks beside them. */
const MOST_CONNECTIONS = 1000;

/** Everything that is served, apart from listening. */
export function build(options: AppOptions): FastifyInstance {
  const { collector, requests, ready, onUnknown, onRefused, api, isPublic = false } = options;
  const app = fastify({
    logger: false,
    bodyLimit: MOST_BODY_BYTES,
    requestTimeout: REQUEST_MS,
    http: { headersTimeout: HEADERS_MS, connectionsCheckingInterval: LOOK_MS },
    // Who keeps a connection open without asking is not waited for when it ends.
    forceCloseConnections: 'idle',
    frameworkErrors: (error, _, reply) => void sendProblem(reply, problemOf(error, onUnknown)),
    clientErrorHandler(error, socket) {
      if (error.code === 'ECONNRESET' || !socket.writable) return;
      socket.end(rawProblem(problemOf(ofConnection(error), onUnknown)));
    },
  });
  app.setErrorHandler((error, _, reply) => sendProblem(reply, problemOf(error, onUnknown)));
  addMissing(app, onUnknown);
  app.server.maxConnections = MOST_CONNECTIONS;
  app.addHook('onRequest', async ({ headers: { host } }) => {
    if (isPublic || isLoopbackName(host) || (api?.ownOrigin && isHostOf(api.ownOrigin, host))) return;
    onRefused?.({ code: 'http_host_refused', host: String(host ?? '') });
    throw new ClaireError('http_host_refused');
  });
  app.addHook('onSend', async (_, reply) => {
    for (const [name, value] of Object.entries(SECURITY))
      if (!reply.hasHeader(name)) reply.header(name, value);
  });
  app.addHook('onResponse', async ({ method, routeOptions }, { statusCode }) => {
    // The pattern and not the address: as many lines as there are routes, whatever is asked for.
    requests.add({ method, route: routeOptions.url ?? 'none', status: String(statusCode) });
  });
  addHealth(app, ready);
  addPage(app);
  const access = api && new Access(api, new Rates(api.rate));
  // They tell of every book: to this machine, and to a token of the book that is served.
  addMetrics(app, collector, async (request) => {
    if (isOfThisMachine(request)) return;
    if (!access) throw new ClaireError('http_token_missing');
    requireLook(await access.enter(request, api.book));
  });
  if (access) {
    addApi(app, api.endpoints, access, api);
    addReference(app, api.endpoints);
  }
  return app;
}
