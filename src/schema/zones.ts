import type { Queryable } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { SEED_TABLES } from './seed-tables.js';

/** A zone that sessions may have written in, and where it is set. */
export interface ZoneFound {
  /** Undefined where the setting cannot be seen from this connection. */
  zone: string | undefined;
  where: string;
}

interface Setting {
  zone: string;
  role: string | null;
  database: string | null;
}

interface Own {
  zone: string;
  source: string;
}

/** Of pg_settings.source: what every session has that says nothing else. */
const OF_SERVER = ['default', 'environment variable', 'configuration file', 'command line', 'override'];

/**
 * Where the server's sessions have their zone from: its configuration, this database, and each login that may write to
 * the tables. What this connection has for itself alone (its own options, SET, its login's setting) is not the others'.
 */
export async function zonesFound(session: Queryable, book: string): Promise<ZoneFound[]> {
  // After SET, reset_val is what the connection began with.
  const [own] = await session.query<Own>(
    `select reset_val as zone, source from pg_settings where name = 'TimeZone'`,
  );
  const settings = await session.query<Setting>(
    `select substr(setting, position('=' in setting) + 1) as zone, r.rolname::text as role, d.datname::text as database
     from pg_db_role_setting s
     cross join unnest(s.setconfig) as setting
     left join pg_roles r on r.oid = s.setrole
     left join pg_database d on d.oid = s.setdatabase
     where lower(setting) like 'timezone=%'
       and (s.setdatabase = 0 or d.datname = current_database())
       and (s.setrole = 0 or r.rolcanlogin and exists (
         select from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = $1 and c.relname = any ($2) and c.relkind = 'r'
           and has_table_privilege(r.oid, c.oid, 'insert, update')
       ))
     order by role nulls first, database`,
    [book, SEED_TABLES],
  );
  const found = settings.map(({ zone, role, database }) => ({ zone, where: whereOf(role, database) }));
  const ofServer = serverZone(own!, settings);
  return ofServer ? [ofServer, ...found] : found;
}

const whereOf = (role: string | null, database: string | null): string =>
  [role ? `login ${role}` : '', database ? `database ${database}` : ''].filter(Boolean).join(' in ') ||
  'all logins';

/** Undefined where a setting for the whole database stands before the server's, so that no session has the server's. */
function serverZone({ zone, source }: Own, settings: Setting[]): ZoneFound | undefined {
  if (OF_SERVER.includes(source)) return { zone, where: `the server's ${source}` };
  if (settings.some(({ role }) => role === null)) return undefined;
  // The zone of a connection that was SET is there without it; a login's own setting would hide the server's.
  if (source === 'session' && !settings.some((setting) => setting.zone === zone && setting.role))
    return { zone, where: 'the server' };
  return { zone: undefined, where: 'the server, hidden by what this connection sets for itself' };
}

/**
 * Those of the zones that are not UTC. Not by name but by what the server makes of them at every week of this century:
 * Europe/London is at +0 half of the year only, Etc/Zulu and Atlantic/Reykjavik write the same times as UTC.
 */
export async function zonesOtherThanUtc(session: Queryable, found: ZoneFound[]): Promise<ZoneFound[]> {
  const names = [...new Set(found.flatMap(({ zone }) => zone ?? []))];
  const others = await session.query<{ zone: string }>(
    `select zone from unnest($1::text[]) as zone
     where exists (
       select from generate_series('2000-01-01Z'::timestamptz, now(), interval '7 days') as at
       where timezone(zone, at) <> timezone('UTC', at)
     )`,
    [names],
  );
  return found.filter(({ zone }) => zone === undefined || others.some((other) => other.zone === zone));
}

/**
 * The name of a zone as the server writes it. Only names of its list: "Berlin1" would be taken for a POSIX zone, and
 * abbreviations mean different offsets to different people.
 * @throws ClaireError input_invalid
 */
export async function knownZone(session: Queryable, name: string): Promise<string> {
  const [known] = await session.query<{ name: string }>(
    'select name from pg_timezone_names where lower(name) = lower($1)',
    [name],
  );
  if (!known) {
    const found = `This server knows no zone ${JSON.stringify(name)}: see select name from pg_timezone_names.`;
    throw new ClaireError('input_invalid', { found });
  }
  return known.name;
}
