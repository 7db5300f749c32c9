/** What must hold whatever was broken. Each law gives sentences that say how it does not hold; none where it does. */
import { catalogue } from '../../dist/errors/index.js';

/** @typedef {import('./journal.js').Entry} Entry */

/** More sentences of one kind than this say no more. */
const MOST = 5;

/**
 * Nobody gets anything but an error of the catalogue that says the record was not to be had: callers only do what they
 * may, so a refusal or an error that Claire has no name for is a fault of ours.
 * @param {readonly Entry[]} entries
 */
export function brokenByErrors(entries) {
  return few(
    entries.flatMap(({ what, during, error, code, message }) => {
      if (what !== 'error') return [];
      const told = `${during}: ${error} ${code ?? ''}: ${message}`;
      if (error !== 'ClaireError') return [`a caller got what is no ClaireError: ${told}`];
      const entry = catalogue[/** @type {keyof typeof catalogue} */ (code)];
      if (!entry) return [`a caller got a code that is not in the catalogue: ${told}`];
      if (code === 'database_error') return [`a caller got an error without a name: ${told}`];
      if (entry.status < 500) return [`a caller was refused what it may do: ${told}`];
      return [];
    }),
  );
}

/**
 * Where nothing is broken nobody gets an error at all: more callers than places only means that they wait.
 * @param {readonly Entry[]} entries
 */
export const brokenByWaiting = (entries) =>
  few(
    entries
      .filter(({ what }) => what === 'error')
      .map(({ during, code, message }) => `a caller got an error: ${during}: ${code}: ${message}`),
  );

/**
 * What was acknowledged stands in the record once, what was not at most once, and nothing that nobody tried.
 * @param {readonly Entry[]} entries
 * @param {Record<string, Map<string, number>>} found how often each id stands in the record, by kind
 */
export function brokenByRecord(entries, found) {
  return Object.entries(found).flatMap(([kind, counts]) => {
    const tried = idsOf(entries, 'tried', kind);
    const missing = [...idsOf(entries, 'acknowledged', kind)].filter((id) => !counts.has(id));
    const doubled = [...counts].filter(([, count]) => count !== 1);
    const unknown = [...counts.keys()].filter((id) => !tried.has(id));
    return few([
      ...missing.map((id) => `${kind} ${id} was acknowledged and is missing`),
      ...doubled.map(([id, count]) => `${kind} ${id} is there ${count} times`),
      ...unknown.map((id) => `${kind} ${id} is there and nobody tried it`),
    ]);
  });
}

/** @param {readonly Entry[]} entries  @param {Entry['what']} what  @param {string} kind */
function idsOf(entries, what, kind) {
  const of = entries.filter((entry) => entry.what === what && entry.kind === kind);
  return new Set(of.flatMap(({ ids = [] }) => ids));
}

/**
 * What a caller was told of a decision is what is recorded of it.
 * @param {readonly Entry[]} entries  @param {Map<string, string>} decisions
 */
export function brokenByVerdicts(entries, decisions) {
  return few(
    entries
      .filter(({ what, kind }) => what === 'acknowledged' && kind === 'verdict')
      .flatMap(({ ids = [], answer }) => ids.map((id) => ({ id, answer, stands: decisions.get(id) })))
      .filter(({ answer, stands }) => answer !== stands)
      .map(({ id, answer, stands }) => `${id} was told to be ${answer} and is recorded as ${stands}`),
  );
}

/**
 * What a transaction writes is there as a whole or not at all.
 * @param {ReadonlySet<string>} fills orders that are filled  @param {ReadonlySet<string>} traded orders that have a trade
 */
export function brokenByHalves(fills, traded) {
  return few([
    ...[...fills].filter((id) => !traded.has(id)).map((id) => `order ${id} is filled and has no trade`),
    ...[...traded].filter((id) => !fills.has(id)).map((id) => `order ${id} has a trade and is not filled`),
  ]);
}

/**
 * Connections never exceed the budget, nor those of a role its share of it.
 * @param {ReturnType<typeof import('./sampler.js').overview>} seen
 * @param {number} budget  @param {Record<string, number>} shares
 */
export function brokenBySamples(seen, budget, shares) {
  return [
    ...(seen.samples === 0 ? ['nobody looked at the connections'] : []),
    ...(seen.most > budget ? [`${seen.most} connections at once instead of ${budget}`] : []),
    ...Object.entries(seen.most_by_role).flatMap(([role, most]) => {
      if (shares[role] === undefined) return [`${role} is connected, and has no share of the budget`];
      return most > shares[role] ? [`${most} connections of ${role} instead of ${shares[role]}`] : [];
    }),
  ];
}

/**
 * At rest nobody is in a transaction, and the connections of the peak have left.
 * @param {ReturnType<typeof import('./sampler.js').overview>} seen  @param {Record<string, number>} bases
 */
export function brokenAtRest(seen, bases) {
  return [
    ...(seen.samples === 0 ? ['nobody looked at the connections at rest'] : []),
    ...(seen.idle_in_transaction > 0
      ? [`${seen.idle_in_transaction} connections are in a transaction at rest`]
      : []),
    ...Object.entries(seen.last_by_role)
      .filter(([role, connections]) => connections > (bases[role] ?? 0))
      .map(
        ([role, connections]) => `${connections} connections of ${role} at rest instead of ${bases[role]}`,
      ),
  ];
}

/** @param {string[]} sentences */
const few = (sentences) =>
  sentences.length <= MOST
    ? sentences
    : [...sentences.slice(0, MOST), `and ${sentences.length - MOST} more like the last`];
