import { Database } from '../../../database/index.js';
import { build, operationEndpoints, Pools, Streams, serve } from '../../../http/index.js';

/** A process of its own that serves the database of its argument, beside a route that asks nothing of the record. */
const url = process.argv[2]!;
const pools = new Pools({ url: async () => url });
const floor = new Database({ databaseUrl: url, applicationName: 'claire bench', connections: 2 });
const streams = new Streams({ pools, onError: () => {} });
const app = build({
  collector: { text: async () => '', contentType: 'text/plain' },
  requests: { add: () => {} },
  ready: async () => {},
  onUnknown: () => {},
  api: {
    ...{ book: 'main', isOpen: true, endpoints: operationEndpoints(pools) },
    streams,
    hasBook: async () => true,
    findToken: async () => ({ token_id: 'bench', name: 'bench', role: 'claire' }),
    rate: { perSecond: 1e9, burst: 1e9 },
  },
});
app.get('/select-1', async () => ({ value: await floor.query('select 1 as one', []) }));
const serving = await serve(app, { host: '127.0.0.1', port: 0, isAsked: false });
process.on('message', () => process.send!({ bytes: process.memoryUsage().rss, streams: streams.size }));
process.once('disconnect', async () => {
  await serving.close();
  await pools.close();
  await floor.close();
});
process.send!({ url: serving.url });
