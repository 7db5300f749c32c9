/**
 * Holds the migrations to what squawk knows of PostgreSQL's locks. A file is linted as it is run: its names replaced,
 * and as one transaction or not as its header says. Its lines stay where they are, so that a finding names the file.
 *
 *     node scripts/lint-migrations.js [file …]
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readHeader } from '../dist/schema/files.js';
import { expand } from '../dist/schema/steps.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const directory = `${root}sql/migrations`;
const squawk = createRequire(import.meta.url).resolve('squawk-cli/js/bin/squawk');

function lint(file) {
  const text = readFileSync(file, 'utf8');
  const { reading } = readHeader(text);
  // What is true of one table's copy is true of the others.
  const [sql] = expand(text, reading);
  const { error, stdout, stderr } = spawnSync(
    process.execPath,
    [
      ...[squawk, '--config', `${root}.squawk.toml`, '--reporter', 'json', '--stdin-filepath', file],
      ...(reading.transaction ? ['--assume-in-transaction'] : []),
    ],
    { input: sql.replaceAll('{zone}', "'UTC'"), encoding: 'utf8' },
  );
  if (error) throw error;
  if (stdout === '') throw new Error(`squawk has no answer for ${file}: ${stderr}`);
  const findings = JSON.parse(stdout);
  for (const { line, rule_name, message, help } of findings) {
    // squawk counts lines from 0.
    process.stderr.write(`${relative('.', file)}:${line + 1}: ${rule_name}: ${message} ${help ?? ''}\n`);
  }
  return findings.length === 0;
}

const given = process.argv.slice(2);
const files =
  given.length > 0
    ? given
    : readdirSync(directory)
        .filter((name) => name.endsWith('.sql'))
        .sort()
        .map((name) => `${directory}/${name}`);
const refused = files.filter((file) => !lint(file));
if (refused.length > 0) process.exitCode = 1;
