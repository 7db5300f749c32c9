import { readdir, readFile } from 'node:fs/promises';
import { z } from 'zod';
import { out } from './fields.js';
import type { Operation } from './operation.js';

const result = z.object({
  check: out.text.meta({ description: 'Name of the file in sql/checks' }),
  law: out.text.meta({ description: 'The law, as a sentence' }),
  broken: out.count.meta({ description: 'Rows that break it' }),
  examples: z.array(out.json).meta({ description: 'The first of these rows' }),
});

const input = z.strictObject({});
const CHECKS = new URL('../../sql/checks/', import.meta.url);

/** Every law of sql/checks, with the rows that break it. */
export const verify: Operation<typeof input, z.output<typeof result>[]> = {
  summary: 'Holds the record against its laws: each must find no row.',
  kind: 'read',
  input,
  result,
  async run({ database, book }) {
    const checks = await readChecks(book);
    // One statement, so that every law looks at the same moment.
    const [row] = await database.query<{ checks: z.output<typeof result>[] }>(
      `with ${checks.map(({ sql }, at) => `check_${at} as materialized (${sql})`).join(', ')}
       select jsonb_build_array(${checks
         .map(
           (_, at) => `jsonb_build_object(
             'broken', (select count(*) from check_${at}),
             'examples', (select coalesce(jsonb_agg(to_jsonb(c)), '[]') from (select * from check_${at} limit 3) as c))`,
         )
         .join(', ')}) as checks`,
    );
    return checks.map(({ check, law }, at) => ({ check, law, ...pick(row!.checks[at]!) }));
  },
};

const pick = ({ broken, examples }: { broken: number; examples: Record<string, unknown>[] }) => ({
  broken,
  examples,
});

/** A law of the record, as a query that finds the rows that break it. */
export interface RecordCheck {
  check: string;
  law: string;
  sql: string;
}

/** A check is a query of a file whose first line is its law; `{book}` stands for the quoted schema. */
export async function readChecks(book: string): Promise<RecordCheck[]> {
  const names = (await readdir(CHECKS)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(new URL(name, CHECKS), 'utf8');
      const law = /^-- law: (.+)$/m.exec(text)?.[1];
      if (!law) throw new Error(`${name}: a check begins with "-- law: " and a sentence`);
      const sql = text
        .replace(/^--.*$/gm, '')
        .replaceAll('{book}', book)
        .trim()
        .replace(/;$/, '');
      return { check: name.replace(/\.sql$/, ''), law, sql };
    }),
  );
}
