import type { FastifyInstance } from 'fastify';
import type { Collector } from '../metrics/index.js';

/** `/metrics`, in Prometheus' text format. */
export function addMetrics(app: FastifyInstance, collector: Pick<Collector, 'text' | 'contentType'>): void {
  app.get('/metrics', async (_, reply) => reply.type(collector.contentType).send(await collector.text()));
}
