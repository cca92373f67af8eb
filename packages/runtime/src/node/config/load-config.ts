import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { codeOf, messageOf, UsageError } from '@vigia/base';
import {
  type CameraConfig,
  type Config,
  type ConsumerConfig,
  configSchema,
  NOT_YET,
  RESERVED_CAMERA_IDS,
  type WorkerConfig,
} from '@vigia/contracts';
import { type Document, isMap, LineCounter, parseDocument } from 'yaml';
import { parseSourceUrl } from '#core/media';
import { checkHeader, checkWebhook, endpointsOf, fillEndpoint } from './endpoints.ts';
import { nearest } from './nearest.ts';
import { resolveSecrets } from './secrets.ts';

type Path = readonly PropertyKey[];

/**
 * All problems of a configuration. Each is one sentence with the file, line and path, the value found and the values
 * allowed.
 */
export class ConfigError extends UsageError {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/**
 * Reads and validates a configuration file, fills in its defaults and secrets, and registers the secrets for redaction.
 *
 * @throws ConfigError with all problems at once; UsageError when the file cannot be read.
 */
export function loadConfig(file: string, env: NodeJS.ProcessEnv = process.env): Config {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const why = codeOf(error) === 'ENOENT' ? 'no such file' : `cannot be read (${codeOf(error)})`;
    throw new UsageError(`${file}: ${why}; give the path of a configuration file with -c`, {
      path: file,
      cause: error,
    });
  }
  return parseConfig(text, file, env);
}

/** Like {@link loadConfig}, for text that has already been read. */
export function parseConfig(text: string, file: string, env: NodeJS.ProcessEnv = process.env): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const broken = document.errors[0];
  if (broken) {
    const { line, col } = lines.linePos(broken.pos[0]);
    throw new ConfigError([`${file}:${line}:${col}: not YAML: ${broken.message.split('\n')[0]}`]);
  }
  const data: unknown = document.toJS();
  const where = (path: Path): string => `${file}:${lineOf(document, lines, path)}: ${pathText(path)}`;
  const parsed = configSchema.safeParse(data);
  if (!parsed.success) throw new ConfigError(sentencesOf(parsed.error.issues as unknown as Issue[], data, where));
  const problems = checkReferences(parsed.data, where, env);
  if (problems.length > 0) throw new ConfigError(problems);
  return fillSecrets(parsed.data, where, env);
}

/**
 * Formats one sentence per problem. A key that is missing because it was misspelt is reported once, at the misspelling.
 */
function sentencesOf(issues: readonly Issue[], data: unknown, where: (path: Path) => string): string[] {
  const misspelt = new Set(
    issues.flatMap((issue) =>
      (issue.keys ?? []).map((key) => pathText([...issue.path, nearest(key, allowedKeys(issue.path)) ?? ''])),
    ),
  );
  return issues
    .filter((issue) => valueAt(data, issue.path) !== undefined || !misspelt.has(pathText(issue.path)))
    .flatMap((issue) => describe(issue, data, where));
}

function checkReferences(config: Config, where: (path: Path) => string, env: NodeJS.ProcessEnv): string[] {
  const problems: string[] = [];
  if (Object.keys(config.cameras).length === 0) problems.push(`${where(['cameras'])}: no camera; name at least one`);
  for (const [id, camera] of Object.entries(config.cameras)) {
    if (RESERVED_CAMERA_IDS.includes(id))
      problems.push(`${where(['cameras', id])}: "${id}" is reserved for MQTT topics; choose another id`);
    for (const key of ['source', 'detect_source'] as const)
      problems.push(...checkSource(camera[key], where(['cameras', id, key])));
    problems.push(...checkTransport(camera, (key) => where(['cameras', id, key])));
    for (const [name, consumer] of Object.entries(camera.consumers)) {
      const at = (key: string): string => where(['cameras', id, 'consumers', name, key]);
      problems.push(
        ...checkReference('model', consumer.model, Object.keys(config.models), at),
        ...checkReference('worker', consumer.worker, Object.keys(config.workers), at),
        ...checkHang(consumer, config.workers, at),
      );
    }
  }
  for (const [id, worker] of Object.entries(config.workers))
    problems.push(...checkProgram(worker, (key) => where(['workers', id, key]), env));
  for (const [path, { headers }] of endpointsOf(config))
    for (const [name, value] of Object.entries(headers))
      problems.push(...checkHeader(name, value, where([...path, 'headers', name])));
  for (const [id, webhook] of Object.entries(config.webhooks))
    problems.push(...checkWebhook(webhook, Object.keys(config.cameras), (key) => where(['webhooks', id, key])));
  return problems;
}

/**
 * Checks the models and workers of all consumers of a document that was put together from several.
 *
 * @throws ConfigError with all problems.
 */
export function checkConsumers(config: Config): void {
  const problems: string[] = [];
  for (const [id, camera] of Object.entries(config.cameras))
    for (const [name, { model, worker }] of Object.entries(camera.consumers)) {
      const at = (key: string): string => pathText(['cameras', id, 'consumers', name, key]);
      problems.push(
        ...checkReference('model', model, Object.keys(config.models), at),
        ...checkReference('worker', worker, Object.keys(config.workers), at),
      );
    }
  if (problems.length > 0) throw new ConfigError(problems);
}

function checkReference(
  kind: 'model' | 'worker',
  id: string | undefined,
  known: readonly string[],
  at: (key: string) => string,
): string[] {
  if (id === undefined || known.includes(id)) return [];
  const near = nearest(id, known);
  const allowed = known.length === 0 ? `\`${kind}s\` is empty` : `defined are ${known.join(', ')}`;
  return [`${at(kind)}: there is no ${kind} "${id}"${near ? `, did you mean "${near}"?` : ''}; ${allowed}`];
}

/** A worker whose hang timeout is shorter than its deadline would be killed before it can miss the deadline. */
function checkHang(
  { worker, deadline_ms: deadlineMs }: ConsumerConfig,
  workers: Config['workers'],
  at: (key: string) => string,
): string[] {
  const hangMs = workers[worker ?? '']?.hang_timeout_ms;
  if (hangMs === undefined || hangMs >= deadlineMs) return [];
  return [
    `${at('deadline_ms')}: found ${deadlineMs}, \`hang_timeout_ms\` of worker ${worker} is ${hangMs}: it would be killed before its answer is late; at most ${hangMs} is allowed`,
  ];
}

/** Checks that the worker's program exists. Whether it works shows at runtime. */
function checkProgram(
  { command, module, dir, env, options }: WorkerConfig,
  at: (key: string) => string,
  environment: NodeJS.ProcessEnv,
): string[] {
  const problems: string[] = [];
  if (dir !== undefined && !statSync(dir, { throwIfNoEntry: false })?.isDirectory())
    problems.push(`${at('dir')}: found ${dir}, no such folder`);
  if (module !== undefined && !existsSync(module)) problems.push(`${at('module')}: found ${module}, no such file`);
  const [program] = command ?? [];
  for (const [key, value] of [
    ['command', command],
    ['options', options],
  ] as const)
    if (/\$\{[^}]*\}/.test(JSON.stringify(value ?? '')))
      problems.push(`${at(key)}: \${NAME} is not filled in here; secrets go into \`env\``);
  const script = command?.slice(1).find((part) => /^[^-].*\.(?:py|pl|js|mjs|cjs|sh|rb)$/.test(part));
  if (script !== undefined && !existsSync(resolve(dir ?? '.', script)))
    problems.push(`${at('command')}: found ${script}, no such file in ${dir ?? 'the working folder'}`);
  if (program?.includes('/') && !existsSync(resolve(dir ?? '.', program)))
    problems.push(`${at('command')}: found ${program}, no such program`);
  const path = env['PATH'] ?? environment['PATH'] ?? '';
  if (
    program !== undefined &&
    !program.includes('/') &&
    !path.split(':').some((folder) => existsSync(join(folder, program)))
  )
    problems.push(`${at('command')}: found ${program}, no such program in PATH`);
  return problems;
}

/** Checks the form of the address only. Whether a camera answers there shows at runtime. */
function checkSource(source: string | undefined, at: string): string[] {
  if (source === undefined) return [];
  try {
    parseSourceUrl(source);
    return [];
  } catch (error) {
    return [`${at}: ${messageOf(error)}`];
  }
}

function checkTransport(camera: CameraConfig, where: (key: string) => string): string[] {
  const secure = [camera.source, camera.detect_source].some((url) => /^rtsps:/i.test(url ?? ''));
  if (camera.transport === 'udp' && secure)
    return [
      `${where('transport')}: found udp, an rtsps:// source allows only tcp: everything travels inside its connection`,
    ];
  const { ca, verify } = camera.tls;
  if (ca !== undefined && !verify)
    return [`${where('tls')}: found ca together with verify: false, which would not look at it`];
  if (ca !== undefined && !existsSync(ca)) return [`${where('tls')}: found ca ${ca}, no such file`];
  return [];
}

function fillSecrets(config: Config, where: (path: Path) => string, environment: NodeJS.ProcessEnv): Config {
  const cameras = Object.entries(config.cameras).map(([id, camera]): [string, Config['cameras'][string]] => [
    id,
    {
      ...camera,
      source: resolveSecrets(camera.source, where(['cameras', id, 'source']), environment),
      ...(camera.detect_source === undefined
        ? {}
        : {
            detect_source: resolveSecrets(camera.detect_source, where(['cameras', id, 'detect_source']), environment),
          }),
    },
  ]);
  const workers = Object.entries(config.workers).map(([id, worker]): [string, WorkerConfig] => {
    const env = Object.entries(worker.env).map(([name, value]): [string, string] => [
      name,
      resolveSecrets(value, where(['workers', id, 'env', name]), environment),
    ]);
    return [id, { ...worker, env: Object.fromEntries(env) }];
  });
  return {
    ...config,
    cameras: Object.fromEntries(cameras),
    workers: Object.fromEntries(workers),
    ...(config.mqtt
      ? { mqtt: { ...config.mqtt, url: resolveSecrets(config.mqtt.url, where(['mqtt', 'url']), environment) } }
      : {}),
    ...(config.tracing ? { tracing: fillEndpoint(config.tracing, ['tracing'], where, environment) } : {}),
    webhooks: Object.fromEntries(
      Object.entries(config.webhooks).map(([id, webhook]) => [
        id,
        fillEndpoint(webhook, ['webhooks', id], where, environment),
      ]),
    ),
  };
}

/** The parts of a zod issue that the sentences use. */
interface Issue {
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

function describe(issue: Issue, data: unknown, where: (path: Path) => string): string[] {
  switch (issue.code) {
    case 'unrecognized_keys':
      return (issue.keys ?? []).map((key) => unknownKey(issue.path, key, where));
    case 'invalid_key':
      return [`${where(issue.path)}: ${issue.issues?.[0]?.message ?? issue.message}`];
    case 'invalid_type':
      return [`${where(issue.path)}: ${found(data, issue.path)}, ${expectedText(issue.expected)} is expected`];
    case 'invalid_value':
      return [
        `${where(issue.path)}: ${found(data, issue.path)}, allowed are ${(issue.values ?? []).join(', ')}${guess(data, issue)}`,
      ];
    case 'too_small':
      return [
        `${where(issue.path)}: ${found(data, issue.path)}, ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum} is allowed`,
      ];
    case 'too_big':
      return [
        `${where(issue.path)}: ${found(data, issue.path)}, ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum} is allowed`,
      ];
    default:
      return [`${where(issue.path)}: ${found(data, issue.path)}; ${issue.message}`];
  }
}

function unknownKey(path: Path, key: string, where: (path: Path) => string): string {
  const at = [...path, key];
  const later = Object.entries(NOT_YET).find(([pattern]) => matches(pattern, at));
  if (later) return `${where(at)}: ${later[1]}`;
  const allowed = allowedKeys(path);
  const near = nearest(key, allowed);
  return `${where(at)}: unknown key${near ? `, did you mean "${near}"?` : ''}; allowed are ${allowed.join(', ')}`;
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

/** Keys that the schema allows at a path. Read from its JSON Schema, so that they are defined only once. */
function allowedKeys(path: Path): string[] {
  let node = configSchema.toJSONSchema({ unrepresentable: 'any', io: 'input' }) as SchemaNode | undefined;
  for (const key of path)
    node =
      node?.properties?.[String(key)] ??
      (typeof node?.additionalProperties === 'object' ? node.additionalProperties : undefined);
  return Object.keys(node?.properties ?? {});
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
}

/** Values under these keys may contain credentials and are never repeated. */
const SECRET_KEYS = new Set<PropertyKey>(['source', 'detect_source', 'url', 'env', 'headers']);

function found(data: unknown, path: Path): string {
  const value = valueAt(data, path);
  if (value === undefined) return 'nothing found';
  if (path.some((key) => SECRET_KEYS.has(key))) return `a ${typeof value} was found`;
  // Any value of a map may be secret, regardless of its key.
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return `found a map of ${Object.keys(value).join(', ')}`;
  const text = JSON.stringify(value);
  return `found ${text.length > 60 ? `${text.slice(0, 57)}…` : text}`;
}

function expectedText(expected: string | undefined): string {
  const names: Record<string, string> = {
    string: 'a text',
    number: 'a number',
    int: 'a whole number',
    record: 'a map of names',
    object: 'a map',
    boolean: 'true or false',
  };
  return names[expected ?? ''] ?? expected ?? 'something else';
}

function valueAt(data: unknown, path: Path): unknown {
  let value = data;
  for (const key of path)
    value = typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined;
  return value;
}

function pathText(path: Path): string {
  return path.length === 0 ? 'the file' : path.map(String).join('.');
}

/** The line of the deepest existing key of a path. */
function lineOf(document: Document, lines: LineCounter, path: Path): number {
  let line = 1;
  let node: unknown = document.contents;
  for (const key of path) {
    if (!isMap(node)) break;
    const pair = node.items.find((item) => String((item.key as { value?: unknown }).value) === String(key));
    const range = (pair?.key as { range?: [number, number, number] } | undefined)?.range;
    if (!pair || !range) break;
    line = lines.linePos(range[0]).line;
    node = pair.value;
  }
  return line;
}
