import type { FastifyInstance } from 'fastify';
import { ClaireError } from '../../errors/index.js';
import { problemOf, sendProblem } from '../problems.js';

/** Answers what no route does, and says where another method would be answered. To be added before the routes. */
export function addMissing(app: FastifyInstance, onUnknown: (error: unknown) => void): void {
  const routes: { method: string; address: RegExp }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    // What begins an address is no place of its own.
    if (url.includes('*')) return;
    const address = new RegExp(`^${url.replace(/[.]/g, '\\.').replace(/:\w+/g, '[^/]+')}$`);
    for (const each of [method].flat()) routes.push({ method: each, address });
  });
  app.setNotFoundHandler(({ method, url }, reply) => {
    const path = url.split('?')[0]!;
    const allowed = routes.filter(({ address }) => address.test(path)).map((route) => route.method);
    const found = `${method} ${path}.`;
    if (allowed.length === 0)
      return sendProblem(reply, problemOf(new ClaireError('http_route_missing', { found }), onUnknown));
    reply.header('allow', [...new Set(allowed)].sort().join(', '));
    return sendProblem(reply, problemOf(new ClaireError('http_method_refused', { found }), onUnknown));
  });
}
