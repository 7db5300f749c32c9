import { bytesText } from '../../domain/words.js';
import { type Look, ok, type Remedy, skipped, type Verdict, warn } from '../check.js';
import { beyond, named, shown } from './words.js';

export interface BloatLimits {
  /** A smaller one is not looked at. */
  bytes: number;
  /** Of its size, from 0 to 1. */
  unused: number;
  unused_bytes: number;
}

export const BLOAT: BloatLimits = { bytes: 10_000_000, unused: 0.5, unused_bytes: 50_000_000 };

export const thresholdOf = ({ unused, unused_bytes }: BloatLimits): string =>
  `${Math.round(unused * 100)} % and ${bytesText(unused_bytes)} unused: half is what steady work leaves, ` +
  'and an estimate from statistics may be a fifth off.';

/** A table or an index, with what it would take if its rows stood side by side. */
export type Sized = {
  name: string;
  table: string;
  bytes: number;
  /** Null where this login may not see the statistics, or there are none. */
  expected_bytes: number | null;
};

/** SQL: a size in bytes, rounded up to what the server aligns to. */
export const aligned = (bytes: string): string => `(ceil((${bytes}) / 8.0) * 8)`;

/** SQL: the fill factor by the options of a relation, from 0 to 1. */
export const fillOf = (options: string, fallback: number): string => `coalesce((
  select option_value::float8 from pg_options_to_table(${options}) where option_name = 'fillfactor'
), ${fallback}) / 100`;

interface Kind {
  one: string;
  many: string;
  remedy: (found: readonly Sized[]) => Remedy;
}

/** What is wasted in the relations that were found, judged in one way for tables and indexes. */
export function judgeBloat(
  { book, facts }: Pick<Look, 'book' | 'facts'>,
  all: readonly Sized[],
  limits: BloatLimits,
  { one, many, remedy }: Kind,
): Verdict {
  const hidden = all.filter(({ expected_bytes }) => expected_bytes === null);
  const seen = all
    .filter(({ expected_bytes }) => expected_bytes !== null)
    .map((each) => ({ ...each, unused_bytes: Math.max(0, each.bytes - each.expected_bytes!) }))
    .sort((a, b) => b.unused_bytes - a.unused_bytes);
  const found = seen.filter(
    ({ bytes, unused_bytes }) => unused_bytes > limits.unused_bytes && unused_bytes > limits.unused * bytes,
  );
  const evidence = shown(
    found.map(({ expected_bytes: _, unused_bytes, ...each }) => ({
      ...each,
      unused_bytes: Math.round(unused_bytes),
      unused_percent: Math.round((unused_bytes / each.bytes) * 100),
    })),
  );
  if (found.length > 0) {
    const told = found.map(
      ({ name, bytes, unused_bytes }) => `${name} (about ${bytesText(unused_bytes)} of ${bytesText(bytes)})`,
    );
    return warn(`${named(told)}${beyond(found, one, many)}: more than half unused.`, evidence, remedy(found));
  }
  if (seen.length === 0 && hidden.length > 0) {
    return skipped(
      `${named(hidden.map(({ name }) => name))}: there are no statistics that ${facts.login} may see; it takes SELECT on the table, and an ANALYZE.`,
    );
  }
  const [most] = seen;
  return ok(
    most
      ? `No ${one} of book ${book} is half unused; the most, about ${bytesText(most.unused_bytes)} of ${bytesText(most.bytes)}, is in ${most.name}.`
      : `No ${one} of book ${book} is over ${bytesText(limits.bytes)}.`,
  );
}
