import { Client } from 'pg';
import { HOST } from './logins.js';

export interface AdminTarget {
  port: number;
  password: string;
  database?: string;
}

/** One connection as superuser, closed afterwards. Every setting is given: PGSSLMODE and its like must not reach it. */
export async function asSuperuser<T>(target: AdminTarget, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({
    host: HOST,
    port: target.port,
    user: 'postgres',
    password: target.password,
    database: target.database ?? 'postgres',
    ssl: false,
    application_name: 'claire embedded',
    options: '-c client_min_messages=warning',
    connectionTimeoutMillis: 5000,
  });
  // Without a listener a server that ends under us would end the process.
  client.on('error', () => {});
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}
