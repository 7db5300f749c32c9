import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { catalogue } from '../../src/errors/index.js';
import { openApi } from '../../src/http/api/openapi.js';
import { scratchRoot } from '../harness/scratch.js';
import { useApi } from './api-ground.js';
import { clientOf } from './client-of.js';

const ground = useApi();

/** Part of a JSON schema. */
interface Schema {
  type?: string | string[];
  pattern?: string;
  enum?: unknown[];
  const?: unknown;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
}
interface Parameter {
  name: string;
  in: string;
  required: boolean;
  schema?: Schema;
  content?: Record<string, { schema: Schema }>;
}
interface Operation {
  parameters: Parameter[];
  requestBody?: { content: Record<string, { schema: Schema }> };
}

/** What a schema allows: not more than a program would send that was made from it. */
function valid(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const forms = schema.anyOf ?? schema.oneOf;
  if (forms) return fc.oneof(...forms.map(valid));
  if (schema.pattern) return fc.stringMatching(new RegExp(schema.pattern.replaceAll('$', '').concat('$')));
  const types = [schema.type ?? 'object'].flat();
  if (types.includes('integer') || types.includes('number'))
    return fc.integer({
      min: Math.max(schema.minimum ?? 0, -1e13),
      max: Math.min(schema.maximum ?? 1e13, 1e13),
    });
  if (types.includes('boolean')) return fc.boolean();
  if (types.includes('null')) return fc.constant(null);
  if (types.includes('array')) return fc.array(valid(schema.items ?? {}), { maxLength: 3 });
  if (types.includes('string'))
    return fc.string({ minLength: 1, maxLength: Math.min(schema.maxLength ?? 20, 20) });
  if (!schema.properties)
    return fc.dictionary(fc.string({ maxLength: 5 }), fc.oneof(fc.string(), fc.integer(), fc.double()), {
      maxKeys: 3,
    });
  return fc.record(
    Object.fromEntries(Object.entries(schema.properties).map(([name, field]) => [name, valid(field)])),
    { requiredKeys: schema.required ?? [] },
  );
}

const text = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : String(value));
const broken = fc.oneof(
  ...[
    fc.string({ unit: 'binary' }),
    fc.constant(''),
    fc.constant('\0'),
    fc.constant('-1'),
    fc.constant('1e999'),
  ],
  ...[fc.constant('{"a":'), fc.json().map(String), fc.constant("'; drop table orders; --")],
);
const brokenBody = fc.oneof(
  fc.json({ maxDepth: 4 }),
  fc.string(),
  fc
    .jsonValue()
    .map((value) =>
      JSON.stringify({ signal_id: value, symbol: value, quantity: value, reason: value, timestamp: value }),
    ),
);

describe('every address of openapi.json', () => {
  const { endpoints } = ground.served();
  const { paths } = openApi(endpoints) as { paths: Record<string, Record<string, Operation>> };
  const all = Object.entries(paths)
    .filter(([path]) => path !== '/v1/stream')
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
    );

  test.each(all)(
    '$method $path answers what it allows and what it does not, each error one of the catalogue',
    async ({ method, path, operation }) => {
      const { get, post, errors } = ground.served({ isOpen: true });
      const parameters = operation.parameters.filter(
        ({ name, in: where }) => where !== 'header' && name !== 'book',
      );
      const arbitrary = (good: boolean) =>
        fc.record(
          Object.fromEntries(
            parameters.map(({ name, schema, content }) => [
              name,
              good ? valid(content?.['application/json']?.schema ?? schema ?? {}) : broken,
            ]),
          ),
          { requiredKeys: parameters.filter(({ required }) => required).map(({ name }) => name) },
        );
      const bodySchema = operation.requestBody?.content['application/json']?.schema;
      const request = (good: boolean) =>
        fc.record({
          query: arbitrary(good),
          body: bodySchema
            ? good
              ? valid(bodySchema).map((value) => JSON.stringify(value))
              : brokenBody
            : fc.constant(''),
        });
      const ask = async ({ query, body }: { query: Record<string, unknown>; body: string }) => {
        const given = Object.entries(query).filter(([name]) => !path.includes(`{${name}}`));
        const rest = new URLSearchParams(
          given.map(([name, value]) => [name, text(value)] as [string, string]),
        );
        const address = path.replace(/\{(\w+)\}/g, (_, name: string) =>
          encodeURIComponent(text(query[name]).toWellFormed()),
        );
        const answer = method === 'get' ? await get(`${address}?${rest}`) : await post(address, body);
        expect(errors).toEqual([]);
        expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(500);
        if (answer.status === 200) return;
        expect(Object.keys(catalogue)).toContain(answer.body.code);
        expect(answer.body).toMatchObject({ status: answer.status, remedy: expect.any(String) });
      };
      await fc.assert(fc.asyncProperty(fc.boolean().chain(request), ask), { numRuns: 25 });
    },
  );

  test('is one that is served, and each that is served is there', () => {
    const described = all.map(
      ({ method, path }) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`,
    );
    expect(described.toSorted()).toEqual(endpoints.map(({ method, path }) => `${method} ${path}`).toSorted());
  });

  test('is in the reference, and the page needs nothing from elsewhere', async () => {
    const { get } = ground.served();
    const { body, headers } = await get('/reference');
    for (const { path } of all) expect(body).toContain(path);
    expect(body).not.toMatch(/<script|src=|https?:/);
    expect(headers['content-security-policy']).toContain("style-src 'sha256-");
    expect((await get('/openapi.json')).body.openapi).toBe('3.1.0');
  });
});

test('a client that is generated from it compiles, and refuses what is not allowed', async () => {
  const directory = await mkdtemp(join(scratchRoot(), 'claire-client-'));
  try {
    const file = join(directory, 'client.ts');
    const client = clientOf(openApi(ground.served().endpoints));
    const compile = async (use: string) => {
      await writeFile(file, `${client}\n${use}`);
      const options = [
        '--ignoreConfig',
        '--noEmit',
        '--strict',
        '--target',
        'es2022',
        '--lib',
        'es2022,dom',
        '--types',
        '',
      ];
      return promisify(execFile)(process.execPath, [
        'node_modules/typescript/bin/tsc',
        ...options,
        file,
      ]).then(
        () => 'compiles',
        (error: { stdout: string }) => error.stdout,
      );
    };
    const right = `export const rows = async () => (await getOrders({ status: 'PENDING', limit: 5 })).rows.map((row) => row.order_id.length);
      export const done = postHalt({ reason: 'x' });`;
    expect(await compile(right)).toBe('compiles');
    expect(await compile(`export const rows = getOrders({ status: 'GONE' });`)).toContain('GONE');
    expect(await compile('export const done = postHalt({});')).toContain('reason');
  } finally {
    await rm(directory, { recursive: true });
  }
});
