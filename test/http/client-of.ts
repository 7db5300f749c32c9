interface Schema {
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: unknown;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
}
interface Operation {
  operationId: string;
  parameters: {
    name: string;
    in: string;
    required: boolean;
    schema?: Schema;
    content?: Record<string, { schema: Schema }>;
  }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: { 200: { content: Record<string, { schema: Schema }> } };
}

/** A schema as a type. */
function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const forms = schema.anyOf ?? schema.oneOf;
  if (forms) return forms.map((form) => `(${typeOf(form)})`).join(' | ');
  return [schema.type ?? 'unknown']
    .flat()
    .map((type) => named(type, schema))
    .join(' | ');
}

function named(type: string, { properties, required = [], items, additionalProperties }: Schema): string {
  if (type === 'integer') return 'number';
  if (type === 'array') return `(${typeOf(items ?? {})})[]`;
  if (type !== 'object') return type;
  const fields = Object.entries(properties ?? {}).map(
    ([name, field]) => `${JSON.stringify(name)}${required.includes(name) ? '' : '?'}: ${typeOf(field)};`,
  );
  const isOpen = !properties || (additionalProperties !== undefined && additionalProperties !== false);
  return `{ ${fields.join(' ')}${isOpen ? ' [name: string]: unknown;' : ''} }`;
}

/** A client in TypeScript: a function an address, made from the description alone. */
export function clientOf(document: object): string {
  const { paths } = document as { paths: Record<string, Record<string, Operation>> };
  const functions = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { responses }]) => 'application/json' in responses[200].content)
      .map(([method, { operationId, parameters, requestBody, responses }]) => {
        const query: Schema = {
          type: 'object',
          properties: Object.fromEntries(
            parameters
              .filter((one) => one.in !== 'header')
              .map((one) => [one.name, one.schema ?? one.content!['application/json']!.schema]),
          ),
          required: parameters.filter((one) => one.required).map((one) => one.name),
          additionalProperties: false,
        };
        const input = requestBody ? requestBody.content['application/json']!.schema : query;
        const answer = typeOf(responses[200].content['application/json']!.schema);
        return `export declare function ${operationId}(input: ${typeOf(input)}): Promise<${answer}>; // ${method} ${path}`;
      }),
  );
  return functions.join('\n');
}
