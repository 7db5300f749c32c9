import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Collector } from '../metrics/index.js';

/** `/metrics`, in Prometheus' text format. `require` throws where somebody is not to see it. */
export function addMetrics(
  app: FastifyInstance,
  collector: Pick<Collector, 'text' | 'contentType'>,
  require: (request: FastifyRequest) => Promise<void>,
): void {
  app.get('/metrics', async (request, reply) => {
    await require(request);
    return reply.type(collector.contentType).send(await collector.text());
  });
}
