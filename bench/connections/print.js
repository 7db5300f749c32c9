/** Results as tables for people. */

/** @param {string[][]} rows */
function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const counted = (counts) =>
  Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');

const verdict = (broken) =>
  broken.length === 0 ? 'Every law holds.' : ['Broken:', ...broken.map((line) => `- ${line}`)].join('\n');

const connections = ({ most, most_by_role, samples, gap_ms }) =>
  `Most connections in any of ${samples} samples: ${most} (${counted(most_by_role)}). Longest time between two looks: ${gap_ms} ms.`;

const facts = ({ cpu, cores, memory_gb, system, node }, { version, settings }) => [
  `${cpu}, ${cores} cores, ${memory_gb} GB; ${system}; node ${node}`,
  `PostgreSQL ${version}, ${Object.entries(settings)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')}`,
];

export function printDrill({ machine, server, seed, phases, samples, rest, calls, record, broken }) {
  const rows = phases.map(({ fault, took_ms, recovered_ms, errors }) => [
    ...[fault, `${took_ms}`, `${recovered_ms}`, counted(errors)],
  ]);
  return [
    ...facts(machine, server),
    `Seed ${seed}.`,
    '',
    table([['Fault', 'took ms', 'all work again after ms', 'errors of callers'], ...rows]),
    '',
    `Calls: ${counted(calls)}. In the record: ${counted(record)}.`,
    connections(samples),
    `At rest: ${counted(rest.last_by_role)}; in a transaction: ${rest.idle_in_transaction}.`,
    verdict(broken),
    '',
  ].join('\n');
}

export function printLoad({
  machine,
  server,
  seconds,
  seed,
  shares,
  bases,
  peak,
  back_ms,
  rest,
  record,
  broken,
}) {
  const rows = Object.keys(shares).map((role) => [
    ...[role, `${bases[role]}`, `${shares[role]}`],
    ...[`${peak.most_by_role[role] ?? 0}`, `${rest.last_by_role[role] ?? 0}`],
  ]);
  return [
    ...facts(machine, server),
    `${seconds} s at the peak, seed ${seed}.`,
    '',
    table([['Login', 'stay', 'at most', 'most seen', 'after the peak'], ...rows]),
    '',
    connections(peak),
    `Back at what stays after ${back_ms} ms; then in a transaction: ${rest.idle_in_transaction}.`,
    `In the record: ${counted(record)}.`,
    verdict(broken),
    '',
  ].join('\n');
}
