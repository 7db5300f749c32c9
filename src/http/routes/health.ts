import type { FastifyInstance } from 'fastify';

/** `/healthz`: the process lives. `/readyz`: the book can be worked with; else why not. */
export function addHealth(app: FastifyInstance, ready: () => Promise<void>): void {
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async () => {
    await ready();
    return { status: 'ready' };
  });
}
