import { type BareClient, connectBare } from './bare.js';

/**
 * Whether a pooler (PgBouncer and its like) stands between us and the server. It greets with a process number of its own
 * making, because it has not chosen a server's connection by then.
 */
export async function isPooled(databaseUrl: string, applicationName: string): Promise<boolean> {
  const client = await connectBare(databaseUrl, applicationName);
  try {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    return rows[0]!.pid !== (client as BareClient & { processID?: number }).processID;
  } finally {
    await client.end();
  }
}
