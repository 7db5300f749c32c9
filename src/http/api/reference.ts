import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { SECURITY } from '../headers.js';
import type { Endpoint } from './endpoint.js';
import { type Json, openApi } from './openapi.js';

const STYLE = `
  :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
  body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
  h2 { font: 600 1rem/1.4 ui-monospace, monospace; margin: 2rem 0 .25rem; overflow-wrap: anywhere }
  table { border-collapse: collapse; width: 100% }
  td, th { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #8884 }
  code { font-family: ui-monospace, monospace }
`;

/** `/openapi.json` and, for people, `/reference`: a page without scripts, which needs nothing from elsewhere. */
export function addReference(app: FastifyInstance, endpoints: readonly Endpoint[]): void {
  const document = openApi(endpoints);
  const text = JSON.stringify(document);
  const page = pageOf(document);
  const style = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;
  const policy = `${SECURITY['content-security-policy']}; style-src ${style}`;
  app.get('/openapi.json', (_, reply) => reply.type('application/json; charset=utf-8').send(text));
  app.get('/reference', (_, reply) =>
    reply.type('text/html; charset=utf-8').header('content-security-policy', policy).send(page),
  );
}

const html = (value: unknown): string =>
  String(value ?? '').replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

interface Described {
  summary: string;
  description?: string;
  parameters: { name: string; in: string; required: boolean; description?: string; schema?: Json }[];
  requestBody?: { content: Record<string, { schema: Json }> };
}

function pageOf(document: Json): string {
  const { info, paths } = document as {
    info: { title: string; version: string; description: string };
    paths: Record<string, Record<string, Described>>;
  };
  const sections = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => sectionOf(method, path, operation)),
  );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${html(info.title)}: reference</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>${STYLE}</style></head><body>
<h1>${html(info.title)} ${html(info.version)}</h1><p>${html(info.description)} For programs:
<a href="/openapi.json">openapi.json</a>.</p>${sections.join('')}</body></html>`;
}

function sectionOf(method: string, path: string, operation: Described): string {
  const { summary, description, parameters, requestBody } = operation;
  const fields = [
    ...parameters.map((one) => [one.name, one.in, one.required, one.description] as const),
    ...fieldsOf(requestBody?.content['application/json']?.schema),
  ];
  const rows = fields.map(
    ([name, where, required, meaning]) =>
      `<tr><td><code>${html(name)}</code></td><td>${where}</td><td>${required ? 'required' : ''}</td><td>${html(meaning)}</td></tr>`,
  );
  return `<h2>${method.toUpperCase()} ${html(path)}</h2><p>${html(summary)} ${html(description)}</p><table>${rows.join('')}</table>`;
}

type Field = readonly [name: string, where: string, required: boolean, meaning: string | undefined];

function fieldsOf(schema: Json | undefined): Field[] {
  if (!schema) return [];
  const { oneOf, items, properties, required } = schema as {
    oneOf?: Json[];
    items?: Json;
    properties?: Record<string, { description?: string }>;
    required?: string[];
  };
  if (oneOf) return fieldsOf(oneOf[0]);
  if (items) return fieldsOf(items);
  return Object.entries(properties ?? {}).map(
    ([name, field]) => [name, 'body', required?.includes(name) ?? false, field.description] as const,
  );
}
