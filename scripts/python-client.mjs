// The generated part of the Python client (sdk/python/vigia/client): a method per route and types of what goes both
// ways, from the OpenAPI document and the schemas of the contracts.
import { pascal, PythonTypes, wrapped } from './python-types.mjs';

const FOLDER = 'sdk/python/vigia/client';
const MADE = 'Made by scripts/docs.mjs from packages/contracts: do not edit.';
/** Written by hand: streams, and what sets a cookie. Live video is for players. */
const NOT_MADE = new Set(['eventStream', 'stream', 'login', 'whep', 'whepCandidates', 'endWhep', 'movie', 'mjpeg']);
/** Better names than those of the places where a type is used. */
const NAMES = {
  camera: 'CameraSettings',
  config: 'Document',
  nodeEvent: 'NodeEvent',
  putCameraAnswer: 'Changed',
  putConfigAnswer2: 'Preview',
  configAnswer: 'Configuration',
  revisionsAnswer: 'Revision',
};

const TYPING = ['Any', 'Dict', 'List', 'Optional', 'Union'];
const UNPACK = `
if TYPE_CHECKING:
    # Known to every type checker; never imported.
    from typing_extensions import Unpack
`;

/** Path → text of every generated file. @param contracts Both doors of the contracts, built. */
export function pythonClient(contracts) {
  const operations = operationsOf(contracts.openApi(''));
  const types = new PythonTypes(namedSchemas(contracts, operations));
  const group = grouper(types);
  const streamed = group(() => {
    types.of(jsonSchema(contracts.nodeEventSchema), 'NodeEvent');
    types.of(jsonSchema(contracts.resultMessageSchema), 'ResultMessage');
  });
  const reports = group(() => {
    types.of(jsonSchema(contracts.reportSchema), 'Report');
    types.of(jsonSchema(contracts.nodeStatusSchema), 'NodeStatus');
  });
  const answers = group(() => {
    for (const operation of operations) operation.returns = returnsOf(operation, types);
  });
  const bodies = group(() => {
    for (const operation of operations) operation.accepts = acceptsOf(operation, types);
  });
  const queries = group(() => {
    for (const operation of operations) operation.options = optionsOf(operation, types);
  });
  const groups = { events: streamed, reports, answers, bodies, queries };
  const access = operations.filter(({ operationId }) => operationId in contracts.ACCESS_API);
  const recordings = operations.filter(({ operationId }) => operationId in contracts.RECORDINGS_API);
  const others = operations.filter((operation) => !access.includes(operation) && !recordings.includes(operation));
  return {
    ...Object.fromEntries(
      Object.entries(groups).map(([name, own]) => [`${FOLDER}/types/${name}.py`, moduleOf(name, own, groups)]),
    ),
    [`${FOLDER}/_access_routes.py`]: routesModule('AccessRoutes', access),
    [`${FOLDER}/_recording_routes.py`]: routesModule('RecordingRoutes', recordings),
    [`${FOLDER}/_routes.py`]: routesModule('Routes', others),
  };
}

/** Runs something, and returns the types that it defined. */
function grouper(types) {
  return (define) => {
    const before = new Set(types.definitions.keys());
    define();
    return new Map([...types.definitions].filter(([name]) => !before.has(name)));
  };
}

function jsonSchema(schema, io = 'output') {
  return schema.toJSONSchema({ target: 'draft-2020-12', io, unrepresentable: 'any' });
}

function operationsOf({ paths }) {
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) =>
      Object.assign(operation, { path, method: method.toUpperCase() }),
    ),
  );
  return all.filter(({ operationId }) => !NOT_MADE.has(operationId));
}

/** Schemas that the contracts export have their name; some others get one of {@link NAMES}. */
function namedSchemas(contracts, operations) {
  const exported = Object.entries(contracts).filter(([name]) => name.endsWith('Schema'));
  const answers = operations.flatMap(({ operationId, responses }) => {
    const { schema } = responses[200].content['application/json'] ?? {};
    const every = [['', schema?.items ?? schema], ...(schema?.anyOf ?? []).map((one, i) => [i + 1, one])];
    return every
      .filter(([number, one]) => one && NAMES[`${operationId}Answer${number}`])
      .map(([number, one]) => [one, NAMES[`${operationId}Answer${number}`]]);
  });
  const named = exported.flatMap(([key, schema]) => {
    const name = key.replace(/Schema$/, '');
    return ['input', 'output'].map((io) => [jsonSchema(schema, io), NAMES[name] ?? pascal(name)]);
  });
  // The first of two that are the same counts.
  return [...named, ...answers].toReversed();
}

/** The Python type of an answer; undefined where there is nothing to say but that it was done. */
function returnsOf({ operationId, responses }, types) {
  const [[type, { schema }]] = Object.entries(responses[200].content);
  if (/^(?:image|video)\/|mpegurl$|^application\/zip$/.test(type)) return 'bytes';
  if (type !== 'application/json') return 'str';
  if (schema.properties && Object.keys(schema.properties).length === 0) return undefined;
  return types.of(schema, `${pascal(operationId)}Answer`);
}

/** The Python type of a body; undefined without one. */
function acceptsOf({ operationId, requestBody }, types) {
  if (!requestBody) return undefined;
  const { schema } = requestBody.content['application/json'];
  const type = types.of(schema, `${pascal(operationId)}Body`);
  return 'application/yaml' in requestBody.content ? `Union[${type}, str]` : type;
}

/** The name of the type with the query of an operation; undefined without a query. */
function optionsOf({ operationId, parameters }, types) {
  const query = parameters.filter((parameter) => parameter.in === 'query');
  if (query.length === 0) return undefined;
  const properties = Object.fromEntries(query.map(({ name, schema }) => [pythonName(name), asked(schema)]));
  return types.of(
    { type: 'object', properties, title: operationId, query: operationId },
    `${pascal(operationId)}Query`,
  );
}

/** A flag in an address is `0` or `1`. */
function asked(schema) {
  return schema.enum?.join() === '0,1' ? { ...schema, enum: undefined, type: 'boolean' } : schema;
}

/** `from` is a word of Python. */
function pythonName(name) {
  return name === 'from' ? 'from_' : name;
}

/** Adds a name for what is imported from typing and from the groups before, as far as a text uses it. */
function importsFor(text, groups) {
  const used = (names) => sorted(names.filter((name) => new RegExp(`\\b${name}\\b`).test(text)));
  const typing = used([...TYPING, 'Literal', 'TypedDict']);
  const own = Object.entries(groups).flatMap(([module, definitions]) => {
    const names = used([...definitions.keys()]);
    return names.length === 0 ? [] : [importOf(module, names)];
  });
  return [typing.length === 0 ? [] : [importOf('typing', typing)], sorted(own)];
}

function sorted(names) {
  return names.toSorted((a, b) => (a < b ? -1 : 1));
}

function importOf(module, names) {
  const line = wrapped(`from ${module} import (${names.join(', ')})\n`);
  return line.includes('(\n') ? line : line.replaceAll(/[()]/g, '');
}

function moduleOf(name, own, groups) {
  const text = [...own.values()].join('\n\n');
  const others = Object.fromEntries(
    Object.entries(groups)
      .filter(([other]) => other !== name)
      .map(([other, definitions]) => [`.${other}`, definitions]),
  );
  const [typing, imports] = importsFor(text, others);
  const parts = [typing.join(''), imports.join('')].filter((part) => part !== '');
  const names = sorted([...own.keys()].filter((one) => !one.startsWith('_'))).map((one) => `    "${one}",\n`);
  const all = `__all__ = [\n${names.join('')}]`;
  const title = {
    events: 'Events and results',
    reports: 'Reports of a node, its cameras and models',
    answers: 'Other answers',
    bodies: 'What a node is sent',
    queries: 'What a node is asked',
  }[name];
  return `"""${title}. ${MADE}"""\n\n${['from __future__ import annotations\n', ...parts].join('\n')}\n${all}\n\n\n${text}`;
}

/** The module of a class with a method per operation. */
function routesModule(name, operations) {
  const methods = operations.map((operation) => methodOf(operation)).join('\n');
  const used = operations.flatMap(({ returns = '', accepts = '', options = '' }) => [returns, accepts, options]);
  const own = [...new Set(used.join(' ').match(/[A-Z]\w+/g))].filter((one) => !TYPING.includes(one));
  const imports = importOf('.types', sorted(own));
  const typing = TYPING.filter((one) => new RegExp(`\\b${one}\\b`).test(methods));
  const unpack = methods.includes('Unpack[') ? UNPACK : '';
  return `"""A method per route of the HTTP API. ${MADE}"""

from __future__ import annotations

from typing import ${unpack === '' ? '' : 'TYPE_CHECKING, '}${typing.join(', ')}

from ._request import Request, Sender
${imports}${unpack}

class ${name}(Sender):
    """One method per route (docs/protocol/http.md). Each raises ApiError and NoAnswerError."""

${methods}`;
}

/** `putCamera` → `put_camera`. */
function methodName(operationId) {
  return operationId.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function methodOf(operation) {
  const { operationId, returns = 'None', accepts, options, method, path } = operation;
  const has = (name) => operation.parameters.some((parameter) => parameter.name === name);
  const keywords = [
    ...(has('If-Match') ? ['if_match: Optional[int] = None'] : []),
    ...(has('Idempotency-Key') ? ['idempotency_key: Optional[str] = None'] : []),
  ];
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  const parameters = [
    'self',
    ...inPath.map((name) => `${name}: str`),
    ...(accepts ? [operation.requestBody.required ? `body: ${accepts}` : `body: Optional[${accepts}] = None`] : []),
    ...(keywords.length > 0 ? ['*', ...keywords] : []),
    ...(options ? [`**query: Unpack[${options}]`] : []),
  ];
  const head = wrapped(`    def ${methodName(operationId)}(${parameters.join(', ')}) -> ${returns}:\n`);
  const request = [
    `"${method}"`,
    `"${path}"`,
    ...(inPath.length > 0 ? [`params={${inPath.map((name) => `"${name}": ${name}`).join(', ')}}`] : []),
    ...(options ? ['query=dict(query)'] : []),
    ...(accepts ? ['body=body'] : []),
    ...(has('If-Match') ? ['if_match=if_match'] : []),
    ...(has('Idempotency-Key') ? ['key=idempotency_key'] : []),
  ];
  return `${head}${docOf(operation)}${sent(returns, `Request(${request.join(', ')})`)}`;
}

function sent(returns, request) {
  if (returns === 'None') return wrapped(`        self._json(${request})\n`);
  if (returns === 'bytes' || returns === 'str')
    return wrapped(`        return self._${returns === 'str' ? 'text' : 'bytes'}(${request})\n`);
  return `${wrapped(`        answer: ${returns} = self._json(${request})\n`)}        return answer\n`;
}

function docOf({ summary, method, path, parameters, 'x-role': role }) {
  const described = parameters.filter((one) => one.in === 'query' && one.schema.description);
  const about = described.map((one) => `\`${pythonName(one.name)}\`: ${one.schema.description}`);
  const lines = [...about, `\`${method} ${path}\`, role ${role}.`].flatMap((line) => folded(line));
  return `        """${summary}\n\n${lines.join('')}        """\n`;
}

/** Lines of a docstring. */
function folded(text) {
  const lines = [''];
  for (const word of text.split(' ')) {
    if (lines.at(-1).length + word.length > 105) lines.push('   ');
    lines[lines.length - 1] += ` ${word}`;
  }
  return lines.map((line) => `       ${line}\n`);
}
