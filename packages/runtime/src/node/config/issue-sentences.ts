import { quoted } from '@vigia/base';
import { configSchema, ID_PATTERN, NOT_YET } from '@vigia/contracts';
import { nearest } from '#core/terminal';
import { type Path, pathText, valueAt, type Where } from './paths.ts';

/** Problems that are looked at. There are fewer sentences; the others are counted. */
const LOOKED_AT = 200;
/** Longest value in a sentence, in characters. */
const VALUE_LIMIT = 60;

/** The parts of a zod issue that the sentences use. */
export interface Issue {
  readonly code: string;
  readonly path: Path;
  readonly message: string;
  readonly keys?: readonly string[];
  readonly expected?: string;
  readonly values?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly inclusive?: boolean;
  readonly issues?: readonly Issue[];
}

/**
 * Formats one sentence per problem. A key that is missing because it was misspelt is reported once, at the misspelling.
 * Of very many problems only the first are described; the length of the list is their number.
 */
export function sentencesOf(issues: readonly Issue[], data: unknown, where: Where): string[] {
  const all = issues.flatMap(oneByOne);
  const near = all.slice(0, LOOKED_AT);
  const misspelt = new Set(
    near.flatMap(({ keys: [key] = [], path }) =>
      key === undefined ? [] : [pathText([...path, nearest(key, allowedKeys(path)) ?? ''])],
    ),
  );
  const told = near.filter(({ path }) => valueAt(data, path) !== undefined || !misspelt.has(pathText(path)));
  return [
    ...told.map((issue) => describe(issue, data, where)),
    ...Array.from({ length: all.length - near.length }, () => ''),
  ];
}

/** Unknown keys of one map are one issue. */
function oneByOne(issue: Issue): Issue[] {
  const { code, path, message, keys = [] } = issue;
  return code === 'unrecognized_keys' ? keys.map((key) => ({ code, path, message, keys: [key] })) : [issue];
}

function describe(issue: Issue, data: unknown, where: Where): string {
  if (issue.path.length === 0 && (data === null || data === undefined))
    return `${where([])} is empty: a first configuration is in vigia --help`;
  const value = (): string => found(data, issue.path);
  return `${where(issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys?.[0] ?? ''] : issue.path)}: ${problemOf(issue, data, value)}`;
}

function problemOf(issue: Issue, data: unknown, value: () => string): string {
  switch (issue.code) {
    case 'unrecognized_keys':
      return unknownKey(issue.path, issue.keys?.[0] ?? '');
    case 'invalid_key':
      return issue.issues?.[0]?.message ?? issue.message;
    case 'invalid_type':
      return `${value()}, ${expectedText(issue.expected)} is expected${listHint(issue, data)}${unitHint(issue, data)}`;
    case 'invalid_value':
      return `${value()}, allowed are ${(issue.values ?? []).join(', ')}${guess(data, issue)}`;
    case 'too_small':
      return `${value()}, ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum} is allowed`;
    case 'too_big':
      return `${value()}, ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum} is allowed`;
    default:
      return `${value()}; ${issue.message}`;
  }
}

function unknownKey(path: Path, key: string): string {
  const at = [...path, key];
  const later = Object.entries(NOT_YET).find(([pattern]) => matches(pattern, at));
  if (later) return later[1];
  const allowed = allowedKeys(path);
  const near = nearest(key, allowed);
  return `unknown key${near ? `, did you mean "${near}"?` : ''}; allowed are ${allowed.join(', ')}`;
}

function guess(data: unknown, issue: Issue): string {
  const value = valueAt(data, issue.path);
  const near = typeof value === 'string' ? nearest(value, (issue.values ?? []).map(String)) : undefined;
  return near ? `, did you mean "${near}"?` : '';
}

function matches(pattern: string, path: Path): boolean {
  const parts = pattern.split('.');
  return parts.length === path.length && parts.every((part, i) => part === '*' || part === path[i]);
}

interface SchemaNode {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly anyOf?: readonly SchemaNode[];
  readonly items?: SchemaNode;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
}

let schema: SchemaNode | undefined;

/** What the schema allows at a path. Read from its JSON Schema, so that it is defined only once. */
function schemaAt(path: Path): SchemaNode | undefined {
  schema ??= configSchema.toJSONSchema({ unrepresentable: 'any', io: 'input' }) as SchemaNode;
  let node: SchemaNode | undefined = schema;
  for (const key of path) node = node && below(node, String(key));
  return node;
}

function below(node: SchemaNode, key: string): SchemaNode | undefined {
  if (node.properties && Object.hasOwn(node.properties, key)) return node.properties[key];
  return typeof node.additionalProperties === 'object' ? node.additionalProperties : node.items;
}

function allowedKeys(path: Path): string[] {
  return Object.keys(schemaAt(path)?.properties ?? {});
}

/** What resembles an id: it holds no login and no `key=value`. */
const WORD = /^[\w. -]{1,63}$/;

/**
 * Repeats a value only where no secret belongs: in place of a number, a switch, a choice or an id. Everywhere else a
 * value may be an address, a header or a whole list of cameras that was written in the wrong form.
 */
function found(data: unknown, path: Path): string {
  const value = valueAt(data, path);
  if (value === undefined) return 'nothing found';
  const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  if (isEmpty) return `found ${Array.isArray(value) ? '[]' : '{}'}`;
  if (typeof value === 'object' && value !== null) return `a ${Array.isArray(value) ? 'list' : 'map'} was found`;
  const node = schemaAt(path);
  const isWord = node?.pattern === ID_PATTERN.source && typeof value === 'string' && WORD.test(value);
  if (!isWord && !isHarmless(node)) return `a ${NAMES[typeof value] ?? typeof value} was found`;
  return `found ${scalarText(value)}`;
}

const NAMES: Readonly<Record<string, string>> = { string: 'text', object: 'null' };

function isHarmless(node: SchemaNode | undefined): boolean {
  if (!node) return false;
  if (node.anyOf) return node.anyOf.every(isHarmless);
  const { type = '' } = node;
  return node.enum !== undefined || node.const !== undefined || ['integer', 'number', 'boolean', 'null'].includes(type);
}

/** As it is written in YAML. */
function scalarText(value: unknown): string {
  if (typeof value === 'number' && !Number.isFinite(value)) return Number.isNaN(value) ? '.nan' : infinite(value);
  return quoted(JSON.stringify(value), VALUE_LIMIT);
}

function infinite(value: number): string {
  return value > 0 ? '.inf' : '-.inf';
}

/** A command is often written as in a shell. */
function listHint({ expected, path }: Issue, data: unknown): string {
  return expected === 'array' && typeof valueAt(data, path) === 'string' ? ': [first, second, …]' : '';
}

/** A number without its unit. */
function unitHint({ expected, path }: Issue, data: unknown): string {
  const value = valueAt(data, path);
  if (expected !== 'string' || typeof value !== 'number' || !(value > 0)) return '';
  const pattern = schemaAt(path)?.pattern;
  const units =
    pattern === undefined ? [] : ['d', 's', 'GB'].filter((unit) => new RegExp(pattern).test(`${value}${unit}`));
  return units.length === 0 ? '' : `: with its unit, such as ${units.map((unit) => `${value}${unit}`).join(' or ')}`;
}

function expectedText(expected: string | undefined): string {
  const names: Record<string, string> = {
    string: 'a text',
    number: 'a number',
    int: 'a whole number',
    record: 'a map of names',
    object: 'a map',
    array: 'a list',
    boolean: 'true or false',
  };
  return names[expected ?? ''] ?? expected ?? 'something else';
}
