/**
 * Makes docs/reference from the program itself: operations from their registry, errors from the catalogue, settings
 * from the configuration, the command's help from the command; and docs/benchmarks.md from the report beside it.
 * Run: npm run docs. A test holds the files to it.
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { tablesOf } from '../dist/bench/index.js';
import { settings } from '../dist/config.js';
import { catalogue, EXIT } from '../dist/errors/index.js';
import { operations } from '../dist/operations/index.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.map(cell).join(' | ')} |`).join('\n');
const cell = (text) => String(text).replaceAll('|', '\\|').replaceAll('\n', ' ');

function fields(schema, io) {
  const json = z.toJSONSchema(schema, { io, unrepresentable: 'any', target: 'draft-2020-12' });
  const object = json.type === 'array' ? json.items : json;
  const required = new Set(object.required ?? []);
  return Object.entries(object.properties ?? {}).map(([name, field]) => [
    `\`${name}\``,
    io === 'output' || required.has(name) ? 'yes' : 'no',
    field.description ??
      field.anyOf?.find((one) => one.description)?.description ??
      (field.enum ?? field.anyOf?.flatMap((one) => one.enum ?? []))?.join(', ') ??
      '',
  ]);
}

function operationPage() {
  const sections = Object.entries(operations).map(([name, operation]) => {
    const input = fields(operation.input, 'input');
    const takes = input.length > 0 ? table(['field', 'required', 'meaning'], input) : 'Nothing.';
    const columns = fields(operation.result, 'output').map(([field, , meaning]) =>
      meaning ? `${field} (${meaning})` : field,
    );
    return `## ${name}\n\n${operation.summary}\n\n**Takes${operation.kind === 'batch' ? ' an array of' : ''}**\n\n${takes}\n\n**Gives** ${columns.join(', ')}.`;
  });
  return `# Operations\n\nThe verbs of the library, made from their registry. Money is decimal text, time is Unix milliseconds.\nHow each is called: \`await claire.NAME(input)\`, or \`t.NAME(input)\` inside \`claire.transaction\`.\n\n${sections.join('\n\n')}\n`;
}

function errorPage() {
  const rows = Object.entries(catalogue).map(([code, entry]) => [
    `\`${code}\``,
    entry.sentence,
    entry.remedy,
    (entry.constraints ?? []).map((law) => `\`${law}\``).join(' '),
    entry.status,
    entry.exit,
  ]);
  const exits = Object.entries(EXIT).map(([name, code]) => [code, name]);
  return `# Errors\n\nEvery error has a code that stays, a sentence and a remedy. Laws are held by the database, for every client; their\nconstraints are named as the database names them.\n\n${table(['code', 'what is wrong', 'what to do', 'held by', 'HTTP', 'exit'], rows)}\n\n## Exit codes\n\n${table(['exit', 'meaning'], exits)}\n`;
}

function settingsPage() {
  const rows = Object.entries(settings).map(([name, s]) => [
    `\`${name}\``,
    s.flag ? `\`${s.flag}\`` : '',
    `\`${s.environment}\``,
    s.fallback === undefined ? '' : `\`${s.fallback}\``,
    s.meaning,
  ]);
  return `# Settings\n\nA flag counts before the environment, the environment before the default.\n\n${table(['setting', 'flag', 'environment', 'default', 'meaning'], rows)}\n`;
}

async function commandPage() {
  const help = async (...words) =>
    (
      await run(process.execPath, [`${root}bin/claire.js`, ...words, '--help'], {
        env: { ...process.env, COLUMNS: '100' },
      })
    ).stdout.trimEnd();
  const top = await help();
  const names = [...top.matchAll(/^ {2}([a-z][a-z-]*)(?:\s|$)/gm)]
    .map((match) => match[1])
    .filter((name) => name !== 'help');
  const commands = [...new Set(names)].filter((name) =>
    new RegExp(`^  ${name}\\b`, 'm').test(top.split(/^Commands:/m)[1] ?? ''),
  );
  const sections = await Promise.all(
    commands.map(async (name) => `## claire ${name}\n\n\`\`\`text\n${await help(name)}\n\`\`\``),
  );
  return `# Command\n\n\`\`\`text\n${top}\n\`\`\`\n\n${sections.join('\n\n')}\n`;
}

async function benchmarksPage() {
  const report = JSON.parse(await readFile(`${root}docs/benchmarks.json`, 'utf8'));
  const { about, workloads } = tablesOf(report);
  const tableOf = ({ head, rows }) => table(head, rows);
  const sections = workloads.map(({ workload, figures, facts, bars, notes }) =>
    [
      `## ${workload}`,
      tableOf(figures),
      ...(bars ? ['Bars:', tableOf(bars)] : []),
      ...(facts ? ['What explains the figures:', tableOf(facts)] : []),
      ...(notes.length > 0 ? [notes.map((note) => `- ${note}`).join('\n')] : []),
    ].join('\n\n'),
  );
  const intro =
    'Made from [benchmarks.json](benchmarks.json), which the command below wrote with `--output docs/benchmarks.json` on the\n' +
    'machine below; plans are in there too. How each figure is made: [bench](../bench/README.md). Compare the ratios, which are of\n' +
    'one run; milliseconds are of one machine.';
  return `# Benchmarks\n\n${intro}\n\n${table(['', ''], about)}\n\n${sections.join('\n\n')}\n`;
}

/** Pages by their path. */
export const pages = async () => ({
  'docs/reference/operations.md': operationPage(),
  'docs/reference/errors.md': errorPage(),
  'docs/reference/settings.md': settingsPage(),
  'docs/reference/command.md': await commandPage(),
  'docs/benchmarks.md': await benchmarksPage(),
});

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await mkdir(`${root}docs/reference`, { recursive: true });
  for (const [path, text] of Object.entries(await pages())) await writeFile(`${root}${path}`, text);
}
