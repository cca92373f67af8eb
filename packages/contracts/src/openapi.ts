import { z } from 'zod';
import { SESSION_COOKIE } from './api-access.ts';
import { type ApiRoute, changes } from './api-route.ts';
import { API, apiErrorSchema } from './api-routes.ts';

type Json = Record<string, unknown>;

const REFUSALS: Readonly<Record<number, string>> = {
  400: 'Bad input: one sentence says where, what was found and what is allowed.',
  401: 'A login or a token is needed, or it is not valid.',
  403: 'Refused: the role or the cameras of the asker, or a host or an origin that this node does not serve.',
  404: 'There is no such camera or consumer.',
  409: 'The node cannot do it now; the code says why.',
  413: 'The body is longer than 1 MiB.',
  415: 'The body is of another type.',
  412: 'Another revision is in force.',
  422: 'The `Idempotency-Key` was used for another request.',
  429: 'Too many wrong passwords; `error.retry_after_s` is how long to wait.',
  503: 'Not all is well, or not yet.',
};

/** JSON Schema 2020-12, which OpenAPI 3.1 uses. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}

/** Moves the definitions of schemas, which refer to themselves, to where the whole document can refer to them. */
function hoistDefinitions(paths: Readonly<Record<string, Json>>): { readonly paths: Json; readonly schemas: Json } {
  const schemas: Json = {};
  const hoisted = (value: unknown, owner: string): unknown => {
    if (Array.isArray(value)) return value.map((item) => hoisted(item, owner));
    if (typeof value !== 'object' || value === null) return value;
    const { $defs = {}, $ref, ...rest } = value as Json;
    for (const [name, schema] of Object.entries($defs as Json)) schemas[nameOf(owner, name)] = hoisted(schema, owner);
    const copy = Object.fromEntries(Object.entries(rest).map(([key, item]) => [key, hoisted(item, owner)]));
    if (typeof $ref !== 'string') return copy;
    const local = /^#\/\$defs\/(.+)$/.exec($ref)?.[1];
    return { ...copy, $ref: local === undefined ? $ref : `#/components/schemas/${nameOf(owner, local)}` };
  };
  const moved = Object.entries(paths).map(([path, methods]) => {
    const operations = Object.entries(methods as Record<string, { readonly operationId: string }>);
    return [path, Object.fromEntries(operations.map(([method, one]) => [method, hoisted(one, one.operationId)]))];
  });
  return { paths: Object.fromEntries(moved) as Json, schemas };
}

function nameOf(owner: string, definition: string): string {
  return `${owner}.${definition.replace(/^_+/, '')}`;
}

/** Whether a repeated request with the same key is done once. */
function isKeyed(route: ApiRoute): boolean {
  return changes(route) && !route.unkeyed;
}

function parameters(route: ApiRoute): Json[] {
  const { params, query, ifMatch } = route;
  const of = (where: 'path' | 'query', object: z.ZodObject | undefined): Json[] => {
    const { properties = {}, required = [] } = object ? jsonSchema(object, 'input') : {};
    return Object.entries(properties as Record<string, Json>).map(([name, schema]) => ({
      name,
      in: where,
      required: where === 'path' || (required as string[]).includes(name),
      schema,
    }));
  };
  const header = (name: string, description: string): Json => ({
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string' },
  });
  return [
    ...of('path', params),
    ...of('query', query),
    ...(ifMatch ? [header('If-Match', 'The expected revision in quotation marks: `"3"`.')] : []),
    ...(isKeyed(route) ? [header('Idempotency-Key', 'A repeated request with this key is done once.')] : []),
  ];
}

function answerOf({ answer }: ApiRoute): Json {
  if (answer === 'jpeg') return { 'image/jpeg': {} };
  if (answer === 'event-stream' || answer === 'web-socket') return { 'text/event-stream': {} };
  if (answer === 'open-metrics') return { 'application/openmetrics-text': {} };
  if (answer === 'openapi') return { 'application/json': { schema: { type: 'object' } } };
  if (typeof answer === 'string') return { [answer.slice('media:'.length)]: {} };
  return { 'application/json': { schema: jsonSchema(answer, 'output') } };
}

const TYPES: Readonly<Record<string, readonly string[]>> = {
  json: ['application/json'],
  document: ['application/json', 'application/yaml'],
};

function bodyOf({ body }: ApiRoute): Json {
  if (!body) return {};
  const schema = jsonSchema(body.schema, 'input');
  const types = TYPES[body.as] ?? [body.as];
  return {
    requestBody: { required: !body.optional, content: Object.fromEntries(types.map((type) => [type, { schema }])) },
  };
}

function operation(operationId: string, route: ApiRoute): Json {
  const error = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };
  const statuses = [
    ...new Set([
      400,
      ...(route.role === 'anyone' ? [] : [401]),
      403,
      ...route.refusals,
      ...(isKeyed(route) ? [422] : []),
      ...(route.body ? [413, 415] : []),
    ]),
  ];
  const refusals = statuses.map((status) => [status, { description: REFUSALS[status], content: error }]);
  const done = { description: 'Done.', ...(route.answer === 'nothing' ? {} : { content: answerOf(route) }) };
  return {
    operationId,
    summary: route.summary,
    'x-role': route.role,
    'x-scope': route.scope,
    ...(route.role === 'anyone' ? { security: [] } : {}),
    parameters: parameters(route),
    ...bodyOf(route),
    responses: { [route.success ?? 200]: done, ...Object.fromEntries(refusals) },
  };
}

/** The OpenAPI 3.1 document of the API. @param version Of vigia. */
export function openApi(version: string): Json {
  const paths: Record<string, Json> = {};
  for (const [name, route] of Object.entries(API as Readonly<Record<string, ApiRoute>>))
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(name, route);
  const { paths: moved, schemas } = hoistDefinitions(paths);
  return {
    openapi: '3.1.0',
    info: { title: 'vigia', version, description: 'The API of one node, over HTTP and over its control socket.' },
    paths: moved,
    security: [{ token: [] }, { session: [] }],
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: SESSION_COOKIE },
      },
      schemas: { Error: jsonSchema(apiErrorSchema, 'output'), ...schemas },
    },
  };
}
