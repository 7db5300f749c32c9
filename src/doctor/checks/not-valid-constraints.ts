import { identifier } from '../../database/index.js';
import { openLaws } from '../../schema/index.js';
import { defineCheck, ok, warn } from '../check.js';
import { beyond, commandFor, named, shown } from './words.js';

export const notValidConstraints = defineCheck({
  name: 'not_valid_constraints',
  question: 'Does every constraint hold for the rows that were there before it?',
  threshold: 'One: it holds for new rows only, and no plan may rely on it.',
  async examine({ session, book, schema }) {
    const found = await session.query<{ table: string; constraint: string; definition: string }>(
      `select t.relname::text as table, c.conname::text as constraint, pg_get_constraintdef(c.oid, true) as definition
       from pg_constraint c join pg_class t on t.oid = c.conrelid
       where t.relnamespace = $1::regnamespace and not c.convalidated
         -- PostgreSQL 18 tells those that are not enforced as not validated too: they never are.
         and coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true)
       order by 1, 2`,
      [schema],
    );
    if (found.length === 0) return ok(`Every constraint of book ${book} holds for all rows.`);
    const laws = await openLaws(session, book);
    const names = found.map(({ table, constraint }) => `${table}.${constraint}`);
    const sentence = `${named(names)}${beyond(found, 'constraint')}: NOT VALID, so old rows may break what new rows cannot.`;
    if (laws.length > 0) {
      return warn(
        `${sentence} \`claire migrate\` mends old rows that have one meaning, lists the others, and validates what no row breaks.`,
        shown(found),
        { command: commandFor(book, 'migrate') },
      );
    }
    return warn(sentence, shown(found), {
      fix: found.map(
        ({ table, constraint }) =>
          `alter table ${schema}.${identifier(table)} validate constraint ${identifier(constraint)}`,
      ),
    });
  },
});
