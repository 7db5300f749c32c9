/**
 * Makes docs/reference from the program itself: operations from their registry, errors from the catalogue, settings
 * from the configuration, the command's help from the command, metrics and events from their tables, and Grafana's
 * dashboard from that of metrics; and docs/benchmarks.md from the report beside it.
 * Run: npm run docs. A test holds the files to it.
 */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { tablesOf } from '../dist/bench/index.js';
import { settings } from '../dist/config.js';
import { BESIDE, BUDGETED, LOGIN_ROLES, OWNER, ROLES } from '../dist/database/index.js';
import { checks } from '../dist/doctor/index.js';
import { catalogue, EXIT } from '../dist/errors/index.js';
import { METRICS, machineEndpoints, openApi, operationEndpoints, Pools } from '../dist/http/index.js';
import { EVENTS } from '../dist/log/index.js';
import { operations } from '../dist/operations/index.js';
import { purposeOf, RIGHTS } from '../dist/schema/index.js';
import { dashboard } from './dashboard.js';

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

/** Who may do what: a row an object, a column a login. */
function rolesPage() {
  const limit = ({ base, overflow }) => base + overflow;
  const roles = ROLES.map((role) => [
    `\`${role}\``,
    purposeOf(role),
    role === OWNER ? '' : limit({ ...BUDGETED, ...BESIDE }[role]),
  ]);
  const matrix = (kind, cellOf) => {
    const names = [...new Set(LOGIN_ROLES.flatMap((role) => Object.keys(RIGHTS[role][kind])))].sort();
    const rows = names.map((name) => [`\`${name}\``, ...LOGIN_ROLES.map((role) => cellOf(role, name))]);
    return table([kind === 'relations' ? 'table or view' : 'sequence', ...LOGIN_ROLES], rows);
  };
  const functions = [...new Set(LOGIN_ROLES.flatMap((role) => RIGHTS[role].functions))].sort();
  const parts = [
    '# Roles',
    'Made from the table of rights that `claire roles apply` gives; a test tries every cell. What is not named here nobody may\n' +
      'do but the owner: no login may delete, truncate, alter or drop anything (but `claire` the view that it owns), and everybody\n' +
      '(`PUBLIC`) may do nothing.',
    'The names are those of the book `main`. Another book has roles of its own, with its name behind: `signal_engine_demo`.\n' +
      'They have nothing in any other book. Where a name would be longer than the 63 bytes of PostgreSQL, or that of another\n' +
      'role, it is written otherwise: `claire roles show` says how.',
    table(['role', 'what for', 'connections'], roles),
    '## Tables and views',
    'In brackets the only columns that may be changed. `maintain` is from PostgreSQL 17 on; before, only the owner may vacuum.',
    matrix('relations', (role, name) => (RIGHTS[role].relations[name] ?? []).join(', ')),
    '## Functions',
    table(
      ['function', ...LOGIN_ROLES],
      functions.map((name) => [
        `\`${name}\``,
        ...LOGIN_ROLES.map((role) => (RIGHTS[role].functions.includes(name) ? 'execute' : '')),
      ]),
    ),
    '## Sequences',
    matrix('sequences', (role, name) => RIGHTS[role].sequences[name] ?? ''),
  ];
  return `${parts.join('\n\n')}\n`;
}

function metricsPage() {
  const rows = Object.entries(METRICS).map(([name, { type, unit, labels, help, alert }]) => [
    `\`${name}\``,
    type,
    unit ?? '',
    labels.map((label) => `\`${label}\``).join(' '),
    help,
    alert ? `[${alert}](../operating/runbook.md#${alert.toLowerCase()})` : '',
  ]);
  return `# Metrics\n\nWhat \`/metrics\` of \`claire up\` has, beside the usual ones of a Node process. How to scrape it:\n[metrics](../operating/metrics.md).\n\n${table(['metric', 'type', 'unit', 'labels', 'meaning', 'alert'], rows)}\n`;
}

function eventsPage() {
  const rows = Object.entries(EVENTS).map(([name, { level, meaning, fields }]) => [
    `\`${name}\``,
    level,
    meaning,
    Object.entries(fields)
      .map(([field, what]) => `\`${field}\` (${what})`)
      .join(', '),
  ]);
  return `# Events of the log\n\nA line each, with \`time\` (Unix milliseconds), \`level\` and \`event\` first. How to get it: [logs](../operating/logs.md).\nA field of which nothing is known is left out.\n\n${table(['event', 'level', 'meaning', 'fields'], rows)}\n`;
}

/** Every address; what it takes and gives stands with its verb. */
function httpPage() {
  const endpoints = [...operationEndpoints(new Pools({})), ...machineEndpoints({})];
  const rows = Object.entries(openApi(endpoints).paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { summary, parameters, requestBody }]) => {
      const body = requestBody?.content['application/json'].schema;
      const forms = (body?.oneOf ?? (body ? [body] : [])).map(({ type }) => type);
      const asked = parameters
        .filter(({ in: where, name }) => where === 'query' && name !== 'book')
        .map(({ name }) => `\`${name}\``);
      return [
        `\`${method.toUpperCase()} ${path}\``,
        summary,
        [...asked, ...forms.map((form) => `body: ${form}`)].join(' '),
      ];
    }),
  );
  return `# HTTP\n\nEvery address that \`claire up\` serves, made from the registry of operations; how to use it: [HTTP](../http.md). Each takes\n\`book\`. What a verb takes and gives: [operations](operations.md), and \`/openapi.json\` for programs.\n\n${table(['address', 'what it does', 'takes'], rows)}\n`;
}

/** What the doctor asks, and from where on it is not well. */
function doctorPage() {
  const rows = checks.map(({ name, question, threshold, of }) => [
    `\`${name}\``,
    question,
    threshold,
    of === 'server' ? 'server' : 'book',
  ]);
  const parts = [
    '# Checks of the doctor',
    'Made from the checks themselves; how to use them: [the doctor](../operating/doctor.md). A check of a book wants it at the\n' +
      'newest version, else it is skipped.',
    table(['check', 'question', 'not well from', 'of a'], rows),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** Reports of runs, the oldest first. A workload is told of by the newest run that has it. */
async function benchmarkReports() {
  const names = (await readdir(`${root}docs/benchmarks`)).sort();
  const reports = await Promise.all(
    names.map(async (name) => ({
      name,
      report: JSON.parse(await readFile(`${root}docs/benchmarks/${name}`, 'utf8')),
    })),
  );
  const seen = new Set();
  const newestFirst = reports.toReversed().map(({ name, report }) => {
    const results = report.results.filter(({ workload }) => !seen.has(workload));
    for (const { workload } of results) seen.add(workload);
    return { name, report: { ...report, results } };
  });
  return newestFirst.filter(({ report }) => report.results.length > 0);
}

async function benchmarksPage() {
  const tableOf = ({ head, rows }) => table(head, rows);
  const parts = (await benchmarkReports()).map(({ name, report }) => {
    const { about, workloads } = tablesOf(report);
    const sections = workloads.map(({ workload, figures, facts, bars, notes }) =>
      [
        `## ${workload}`,
        tableOf(figures),
        ...(bars ? ['Bars:', tableOf(bars)] : []),
        ...(facts ? ['What explains the figures:', tableOf(facts)] : []),
        ...(notes.length > 0 ? [notes.map((note) => `- ${note}`).join('\n')] : []),
      ].join('\n\n'),
    );
    const of = `Of the run in [${name}](benchmarks/${name}):`;
    return [of, table(['', ''], about), ...sections].join('\n\n');
  });
  const intro =
    'Made from the reports in [benchmarks](benchmarks), which the commands named here wrote with `--output`; plans are in there\n' +
    'too. A workload is told of by the newest run that has it. How each figure is made: [bench](../bench/README.md). Compare the\n' +
    'ratios, which are of one run; milliseconds are of one machine.';
  return `# Benchmarks\n\n${intro}\n\n${parts.join('\n\n')}\n`;
}

/** Pages by their path. */
export const pages = async () => ({
  'docs/reference/operations.md': operationPage(),
  'docs/reference/errors.md': errorPage(),
  'docs/reference/settings.md': settingsPage(),
  'docs/reference/command.md': await commandPage(),
  'docs/reference/roles.md': rolesPage(),
  'docs/reference/metrics.md': metricsPage(),
  'docs/reference/events.md': eventsPage(),
  'docs/operating/grafana-dashboard.json': `${JSON.stringify(dashboard(METRICS), null, 2)}\n`,
  'docs/reference/doctor.md': doctorPage(),
  'docs/reference/http.md': httpPage(),
  'docs/benchmarks.md': await benchmarksPage(),
});

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await mkdir(`${root}docs/reference`, { recursive: true });
  for (const [path, text] of Object.entries(await pages())) await writeFile(`${root}${path}`, text);
}
