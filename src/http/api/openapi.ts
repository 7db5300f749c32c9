import { z } from 'zod';
import { packageVersion } from '../../config.js';
import type { Endpoint } from './endpoint.js';
import { BOOK } from './query.js';

export type Json = { readonly [name: string]: unknown };

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json;
  return rest;
};

const TIME = { type: 'integer', description: 'When it was asked, Unix milliseconds' };

const PROBLEM: Json = {
  type: 'object',
  description: 'An error as RFC 9457 has it, with the code and the remedy of the catalogue.',
  required: ['type', 'title', 'status', 'detail', 'code', 'remedy'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What is wrong, in a sentence' },
    code: { type: 'string', description: 'Stays the same between versions' },
    remedy: { type: 'string', description: 'What to do' },
    law: { type: 'string', description: 'Constraint or law that refused, where one did' },
    details: { type: 'object', description: 'Facts for programs' },
  },
};

const book: Json = {
  ...{ name: BOOK, in: 'query', required: false, schema: { type: 'string' } },
  description: 'Trading book; that of `claire up` where it is left out',
};

/** The description of everything under /v1: OpenAPI 3.1. */
export function openApi(endpoints: readonly Endpoint[]): Json {
  const paths: Record<string, Record<string, Json>> = { '/v1/stream': { get: STREAM } };
  for (const endpoint of endpoints) {
    const path = endpoint.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operationOf(endpoint) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Claire',
      version: packageVersion(),
      description:
        'The record of trading services. Money is decimal text, time is Unix milliseconds. Lists are turned page by page: ' +
        'pass `next` as `cursor`.',
    },
    security: [{ token: [] }, {}],
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      schemas: { Problem: PROBLEM },
      securitySchemes: {
        token: {
          ...{ type: 'http', scheme: 'bearer' },
          description: '`claire tokens create`; without one, programs of the same machine may read',
        },
      },
      responses: {
        Problem: {
          description: 'What is wrong and what to do',
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
    },
  };
}

const idOf = ({ method, path }: Endpoint): string =>
  `${method.toLowerCase()}${path
    .replace('/v1', '')
    .replace(/[/:-]+(\w)/g, (_, letter: string) => letter.toUpperCase())}`;

function operationOf(endpoint: Endpoint): Json {
  const isRead = endpoint.method === 'GET';
  return {
    operationId: idOf(endpoint),
    summary: endpoint.summary,
    parameters: [...parametersOf(endpoint), book, ...(isRead ? [] : [KEY])],
    ...(isRead ? {} : { requestBody: { required: true, content: json(bodyOf(endpoint)) } }),
    responses: {
      200: { description: 'Done', content: json(answerOf(endpoint)) },
      default: { $ref: '#/components/responses/Problem' },
    },
  };
}

const json = (schema: Json): Json => ({ 'application/json': { schema } });

const KEY: Json = {
  ...{ name: 'Idempotency-Key', in: 'header', required: false },
  schema: { type: 'string', maxLength: 200 },
  description:
    'Sent again within a day with the same content, it is done once and answered with the same bytes',
};

function parametersOf({ path, query }: Endpoint): Json[] {
  if (!query) return [];
  const { properties = {}, required = [] } = schemaOf(query, 'input') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([field, schema]) => {
    const isInPath = path.includes(`:${field}`);
    const { description, ...rest } = schema;
    return {
      name: field === 'after' ? 'cursor' : field,
      in: isInPath ? 'path' : 'query',
      required: isInPath || (required.includes(field) && schema.default === undefined),
      ...(description === undefined ? {} : { description }),
      ...(rest.type === 'object' ? { content: json(rest) } : { schema: rest }),
    };
  });
}

function bodyOf({ one, many }: Endpoint): Json {
  const forms = [one, many].flatMap((schema) => (schema ? [schemaOf(schema, 'input')] : []));
  return forms.length === 1 ? forms[0]! : { oneOf: forms };
}

function answerOf({ method, answers, result, one, many }: Endpoint): Json {
  const row = schemaOf(result, 'output');
  const at = method === 'GET' ? { at_ms: TIME } : {};
  const value = objectOf({ value: row, ...at });
  if (method === 'POST') {
    const rows = objectOf({ rows: { type: 'array', items: row } });
    return one && many ? { oneOf: [value, rows] } : many ? rows : value;
  }
  if (answers === 'value') return value;
  const next = { type: ['string', 'null'], description: 'Cursor of the next page; null: nothing follows' };
  return objectOf({ rows: { type: 'array', items: row }, next, ...at });
}

const objectOf = (properties: Json): Json => ({
  ...{ type: 'object', required: Object.keys(properties), properties },
});

const STREAM: Json = {
  operationId: 'getStream',
  summary: 'What happens, as it happens: server-sent events.',
  description:
    'Events `order`, `trade`, `risk_event`, `halt`, `limits` and `position`, each with the row as the read of that name gives it and its `actor`; ' +
    '`hello` at first, `alive` every ten seconds with since when something is held back or the log cannot be read, `gap` where what was missed is gone and must be read anew, `bye` with the reason at the end. ' +
    'Sent again with `Last-Event-ID` nothing is lost.',
  parameters: [
    book,
    {
      ...{ name: 'Last-Event-ID', in: 'header', required: false, schema: { type: 'string' } },
      description: 'Id of the last event that came',
    },
  ],
  responses: {
    200: { description: 'Events', content: { 'text/event-stream': { schema: { type: 'string' } } } },
    default: { $ref: '#/components/responses/Problem' },
  },
};
