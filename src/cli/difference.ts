import { type Difference, textOf } from '../schema/index.js';

const STATES = ['missing', 'different', 'invalid', 'extra'] as const;

const MEANINGS: Record<Difference['state'], string> = {
  missing: 'missing: expected, and not there',
  different: 'different: there, but not as expected',
  invalid: 'invalid: as expected, but the server does not hold to it',
  extra: 'extra: not of this version; left alone',
};

/** Differences in groups, expected over actual. */
export function differencesText(differences: readonly Difference[]): string {
  return STATES.flatMap((state) => {
    const group = differences.filter((one) => one.state === state);
    return group.length === 0 ? [] : [[MEANINGS[state], ...group.map(differenceText)].join('\n')];
  }).join('\n\n');
}

function differenceText({ kind, name, table, expected, actual, parts }: Difference): string {
  const title = `  ${kind} ${name}${kind === 'index' && table ? ` on ${table}` : ''}`;
  const [wanted, found] = [expected && textOf(expected), actual && textOf(actual)];
  if (!found) return [title, ...labelled('expected', wanted!), ...withParts(parts.length)].join('\n');
  // What a function or a view of the user does is his own affair.
  if (!wanted) return [title, ...(found.includes('\n') ? [] : labelled('actual', found))].join('\n');
  if (!`${wanted}${found}`.includes('\n'))
    return [title, ...labelled('expected', wanted), ...labelled('actual', found)].join('\n');
  return [title, ...changedLines(wanted.split('\n'), found.split('\n'))].join('\n');
}

/** Of a long text that is not there at all the beginning tells what it is. */
const SHOWN = 3;

function labelled(label: string, text: string): string[] {
  const lines = text.split('\n');
  const shown = lines.length > SHOWN + 1 ? [...lines.slice(0, SHOWN), '…'] : lines;
  return shown.map((line, at) => row(at === 0 ? label : '', line));
}

const withParts = (count: number): string[] =>
  count === 0 ? [] : [row('', `with ${count} ${count === 1 ? 'part' : 'parts'}: columns, laws, indexes`)];

const row = (label: string, line: string): string => `    ${label.padEnd(8)}  ${line}`.trimEnd();

const CONTEXT = 1;

/** The lines that differ, with a line around them. */
function changedLines(expected: readonly string[], actual: readonly string[]): string[] {
  const lines = align(expected, actual);
  const isNear = lines.map((_, at) =>
    lines.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1).some(({ label }) => label !== ''),
  );
  return lines.flatMap(({ label, line }, at) => {
    if (isNear[at]) return [row(label, line)];
    return isNear[at - 1] ? [row('', '…')] : [];
  });
}

interface Line {
  label: '' | 'expected' | 'actual';
  line: string;
}

/** Both texts in one, along their longest common subsequence of lines. */
function align(expected: readonly string[], actual: readonly string[]): Line[] {
  const common = expected.map(() => actual.map(() => 0));
  const at = (i: number, j: number) => common[i]?.[j] ?? 0;
  for (let i = expected.length - 1; i >= 0; i--)
    for (let j = actual.length - 1; j >= 0; j--)
      common[i]![j] = expected[i] === actual[j] ? 1 + at(i + 1, j + 1) : Math.max(at(i + 1, j), at(i, j + 1));
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < expected.length || j < actual.length) {
    if (i < expected.length && expected[i] === actual[j]) {
      lines.push({ label: '', line: expected[i++]! });
      j++;
    } else if (i < expected.length && (j === actual.length || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ label: 'expected', line: expected[i++]! });
    } else lines.push({ label: 'actual', line: actual[j++]! });
  }
  return lines;
}
