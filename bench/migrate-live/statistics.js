/** From every statement's latency to the few numbers that are printed. */
import { MIX, SCANS } from './writers.js';

export const PHASES = ['before', 'during', 'after'];

const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];

/** All in milliseconds; undefined where there was nothing. */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    count: sorted.length,
    median: quantile(sorted, 0.5),
    p95: quantile(sorted, 0.95),
    p99: quantile(sorted, 0.99),
    max: sorted.at(-1),
  };
}

/** By the moment a statement was sent. What it sent while the queue was worked off belongs to the migration. */
const phaseOf = ({ begun, caughtUp }, at) => (at < begun ? 'before' : at < caughtUp ? 'during' : 'after');

const isCounted =
  (marks) =>
  ({ sent }) =>
    sent >= marks.measured;
const ratio = (during, before) => (during && before ? during / before : undefined);

export function summarise({ statements, lags }, marks, waits, steps) {
  const counted = statements.filter(isCounted(marks));
  const phases = (chosen) => {
    const of = Object.fromEntries(
      PHASES.map((phase) => [
        phase,
        spread(chosen.filter(({ sent }) => phaseOf(marks, sent) === phase).map(({ ms }) => ms)),
      ]),
    );
    return { ...of, ratio: ratio(of.during.median, of.before.median) };
  };
  const kinds = [...new Set(counted.map(({ kind }) => kind))].sort((a, b) => place(a) - place(b));
  const isScan = ({ kind }) => SCANS.includes(kind);
  return {
    all: phases(counted),
    by_key: phases(counted.filter((statement) => !isScan(statement))),
    scans: phases(counted.filter(isScan)),
    kinds: Object.fromEntries(
      kinds.map((name) => [name, phases(counted.filter(({ kind }) => kind === name))]),
    ),
    failed: groups(statements),
    late: Object.fromEntries(
      PHASES.map((phase) => [
        phase,
        spread(
          lags
            .filter(({ due }) => due >= marks.measured && phaseOf(marks, due) === phase)
            .map(({ ms }) => ms),
        ),
      ]),
    ),
    slowest: slowest(counted, marks, waits, steps),
  };
}

/** In the order of the mix; the parts of a placed order where it stands. */
const ORDER = Object.keys(MIX).flatMap((kind) =>
  kind === 'place_order' ? ['insert_order', 'insert_trade', 'commit'] : [kind],
);
const place = (kind) => ORDER.indexOf(kind);

/** Failed statements, those of one kind with one error together. */
export function groups(statements) {
  const found = new Map();
  for (const { kind, error } of statements) {
    if (!error) continue;
    const key = `${kind}|${error.code}|${error.message.replace(/\d+/g, '0')}`;
    const group = found.get(key) ?? { kind, ...error, count: 0 };
    group.count++;
    found.set(key, group);
  }
  return [...found.values()].sort((a, b) => b.count - a.count);
}

const SHOWN = { by_key: 8, scans: 3 };

/** The slowest of each step: fifty that waited for one ALTER are one finding. */
function slowest(statements, marks, waits, steps) {
  const found = new Map();
  for (const statement of statements) {
    const { kind, sent, ms, pid } = statement;
    if (phaseOf(marks, sent) !== 'during') continue;
    // The step under way when it was sent, and those that began while it waited.
    const at = steps.findLastIndex((step) => step.at <= sent);
    const key = `${at}|${SCANS.includes(kind)}`;
    if (found.get(key)?.ms >= ms) continue;
    found.set(key, {
      kind,
      ms,
      at_seconds: (sent - marks.begun) / 1000,
      steps: steps.filter((step, place) => place >= at && step.at < sent + ms).map(({ text }) => text),
      pid,
      sent,
    });
  }
  const sorted = [...found.values()].sort((a, b) => b.ms - a.ms);
  const scans = sorted.filter(({ kind }) => SCANS.includes(kind));
  const byKey = sorted.filter(({ kind }) => !SCANS.includes(kind));
  return [...byKey.slice(0, SHOWN.by_key), ...scans.slice(0, SHOWN.scans)].map(({ pid, sent, ...rest }) => ({
    ...rest,
    waited_for: waits.causesOf(pid, sent, sent + rest.ms),
  }));
}
