import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import type { BareClient } from '../database/index.js';

/** What the figures depend on and cannot show. */
export interface Machine {
  cpu: string;
  /** As many as this process may use. */
  cores: number;
  /** Of the machine, or of the container where that has a limit. */
  memory_gb: number;
  system: string;
  node: string;
}

export interface ServerFacts {
  version: string;
  /** Started by the bench with the settings of `claire up`; else it was named. */
  embedded: boolean;
  settings: Record<(typeof SETTINGS)[number], string>;
}

const SETTINGS = ['fsync', 'synchronous_commit', 'shared_buffers', 'max_wal_size', 'wal_level'] as const;

export function machineFacts(): Machine {
  const total = totalmem();
  const limit = process.constrainedMemory() || total;
  return {
    cpu: cpus()[0]?.model.trim() ?? process.arch,
    cores: availableParallelism(),
    memory_gb: Math.round((Math.min(limit, total) / 1e9) * 10) / 10,
    system: `${type()} ${release()}`,
    node: process.version,
  };
}

export async function serverFacts(admin: BareClient, embedded: boolean): Promise<ServerFacts> {
  const { rows } = await admin.query<{ name: string; value: string }>(
    'select name, current_setting(name) as value from unnest($1::text[]) as name',
    [['server_version', ...SETTINGS]],
  );
  const { server_version: version, ...settings } = Object.fromEntries(
    rows.map(({ name, value }) => [name, value]),
  );
  return { version: version!, embedded, settings: settings as ServerFacts['settings'] };
}
