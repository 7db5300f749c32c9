import { literal } from '../../database/index.js';
import { defineCheck, type Facts, fail, ok, type Remedy, warn } from '../check.js';
import { tooFew } from '../connections.js';
import { shown } from './words.js';

/** A setting as it should be, and what it means where it is not. */
interface Wanted {
  name: string;
  /** What is asked for; null: a person must do it. */
  wanted: string | null;
  isWell(value: string): boolean;
  means: string;
  /** A crash costs the record itself. */
  isWrong?: true;
}

const isOn = (value: string): boolean => value === 'on';

const WANTED: readonly Wanted[] = [
  {
    name: 'fsync',
    wanted: 'on',
    isWell: isOn,
    means: 'a crash of the machine can destroy the whole database',
    isWrong: true,
  },
  {
    name: 'full_page_writes',
    wanted: 'on',
    isWell: isOn,
    means: 'a crash can leave pages that are half old and half new',
    isWrong: true,
  },
  {
    name: 'synchronous_commit',
    wanted: 'on',
    isWell: (value) => value !== 'off',
    means: 'a crash loses what was acknowledged in the last fraction of a second',
  },
  {
    name: 'data_checksums',
    wanted: null,
    isWell: isOn,
    means:
      'a page that the disk gives back wrong is taken as it is (`pg_checksums --enable`, on a server at rest)',
  },
  {
    name: 'autovacuum',
    wanted: 'on',
    isWell: isOn,
    means: 'nothing removes old rows, and tables grow without end',
  },
  {
    name: 'track_counts',
    wanted: 'on',
    isWell: isOn,
    means: 'autovacuum does not know what to do, and the doctor sees no dead rows',
  },
  {
    name: 'log_min_duration_statement',
    wanted: '250ms',
    isWell: (value) => value !== '-1',
    means: "the server's log does not say which statements were slow",
  },
];

interface Setting {
  name: string;
  value: string;
  source: string;
}

export const settings = defineCheck({
  name: 'settings',
  question: 'Is the server set so that it keeps what it acknowledged, and can be looked into?',
  threshold: `fsync and full_page_writes off are wrong: a crash costs the record. ${WANTED.map(({ name }) => name).join(', ')} and max_connections are looked at.`,
  of: 'server',
  async examine({ session, facts }) {
    const found = await session.query<Setting>(
      'select name, setting as value, source from pg_settings where name = any ($1)',
      [WANTED.map(({ name }) => name)],
    );
    const [limits] = await session.query<
      Parameters<typeof tooFew>[0]['server'] & { of_database: number | null }
    >(
      `select current_setting('max_connections')::int as max_connections,
         current_setting('superuser_reserved_connections')::int as superuser_reserved_connections,
         (select nullif(datconnlimit, -1) from pg_database where datname = current_database()) as of_database`,
    );
    const cramped = tooFew({ server: limits!, database_connection_limit: limits!.of_database });
    const unwell = WANTED.flatMap((one) => {
      const setting = found.find(({ name }) => name === one.name)!;
      return one.isWell(setting.value) ? [] : [{ ...one, ...setting }];
    });
    if (unwell.length === 0 && cramped.length === 0) {
      return ok('The server keeps what it acknowledged, and its log tells of slow statements.');
    }
    const sentences = unwell.map(({ name, value, means }) => `${name} is ${value}: ${means}.`);
    const verdict = unwell.some(({ isWrong }) => isWrong) ? fail : warn;
    return verdict(
      [...sentences, ...cramped].join(' '),
      shown(unwell.map(({ name, value, wanted, source }) => ({ setting: name, value, wanted, source }))),
      remedyOf(unwell, facts),
    );
  },
});

/** What ALTER SYSTEM mends; what is given on the command line or for a database, a role or a session stands over it. */
function remedyOf(unwell: readonly (Wanted & Setting)[], { superuser }: Facts): Remedy {
  const mendable = unwell.filter(
    ({ wanted, source }) => wanted !== null && ['default', 'configuration file'].includes(source),
  );
  const statements = mendable.map(({ name, wanted }) => `alter system set ${name} = ${literal(wanted!)}`);
  if (superuser && statements.length > 0) return { fix: [...statements, 'select pg_reload_conf()'] };
  return {
    decide:
      'who may set it: a superuser by ALTER SYSTEM, whoever starts the server where it stands on its command line (source in the ' +
      'evidence), whoever stops it where it takes a restart.',
  };
}
