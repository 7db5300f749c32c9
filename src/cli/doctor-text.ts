import type { Diagnosis, Evidence, Remedy, Report, Result } from '../doctor/index.js';
import { counted, table } from './print.js';

const WORDS: Record<Result, string> = { ok: 'ok', warn: 'WARN', fail: 'FAIL', skipped: 'skipped' };
/** What is worst stands last, where the eye of whoever typed the command is. */
const ORDER: readonly Result[] = ['ok', 'skipped', 'warn', 'fail'];

export function doctorText(report: Report): string {
  const width = Math.max(...report.checks.map(({ check }) => check.length));
  const parts = ORDER.map((result) => {
    const texts = report.checks
      .filter((one) => one.result === result)
      .map((one) => diagnosisText(one, width));
    return texts.join(isUnwell(result) ? '\n\n' : '\n');
  });
  return [...parts.filter(Boolean), summaryLine(report)].join('\n\n');
}

const isUnwell = (result: Result) => result === 'warn' || result === 'fail';

export function summaryLine({ checks, counts, took_ms, book, database }: Report): string {
  const said = [...ORDER]
    .reverse()
    .flatMap((result) => (counts[result] > 0 ? [`${counts[result]} ${result}`] : []));
  return `${counted(checks.length, 'check')} of book ${book} in database ${database} in ${(took_ms / 1000).toFixed(1)} s: ${said.join(', ')}.`;
}

export function diagnosisText(diagnosis: Diagnosis, width = diagnosis.check.length): string {
  const { result, check, sentence, evidence, remedy, threshold } = diagnosis;
  const head = `${WORDS[result].padEnd(7)}  ${check.padEnd(width)}  ${sentence}`;
  if (!remedy) return head;
  const shown = evidence.length > 0 ? [indented(evidenceText(evidence))] : [];
  return [head, `  Not well from: ${threshold}`, ...shown, indented(remedyText(remedy, check))].join('\n');
}

function evidenceText(evidence: readonly Evidence[]): string {
  const head = [...new Set(evidence.flatMap((one) => Object.keys(one)))];
  return table(
    head,
    evidence.map((one) => head.map((column) => cell(one[column]))),
  );
}

function cell(value: Evidence[string] | undefined): string {
  if (value === undefined || value === null) return '';
  const text = Array.isArray(value) ? value.join(', ') : String(value);
  return text.replace(/\s+/g, ' ').trim();
}

export function remedyText(remedy: Remedy, check: string): string {
  if ('command' in remedy) return `Remedy: ${remedy.command}`;
  if ('decide' in remedy) return `A person must decide: ${remedy.decide}`;
  return `Remedy: claire doctor --fix ${check}\nwhich runs:\n${statementsText(remedy.fix)}`;
}

export const statementsText = (statements: readonly string[]): string =>
  statements.map((statement) => `  ${statement};`).join('\n');

const indented = (text: string): string => text.replace(/^/gm, '  ');
