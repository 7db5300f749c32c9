import { findEmbedded } from '../../database/embedded/index.js';
import { defineCommand } from '../command.js';
import { forgetTemporary } from '../visit.js';

export const stop = defineCommand({
  usage: 'stop',
  summary: 'Stops the embedded server of the data directory, whoever uses it.',
  details: 'What was acknowledged is recorded. A `claire up` that uses the server ends as well.',
  examples: [
    ['stop', 'the server of .claire'],
    ['stop --data /var/lib/desk', 'that of another directory'],
  ],
  async run({ globals, out }) {
    const server = await findEmbedded(globals.data);
    await server?.stop();
    if (server) await forgetTemporary(server.dataDir);
    out.answer({ stopped: server !== undefined, data: globals.data, port: server?.port ?? null }, () =>
      server
        ? `The server of ${server.dataDir} on port ${server.port} is stopped.`
        : `No server runs on ${globals.data}: there is nothing to stop.`,
    );
    return undefined;
  },
});
