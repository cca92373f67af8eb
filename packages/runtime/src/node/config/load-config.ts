import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { codeOf, messageOf, UsageError } from '@vigia/base';
import {
  type CameraConfig,
  type Config,
  type ConsumerConfig,
  configSchema,
  RESERVED_CAMERA_IDS,
  type WorkerConfig,
} from '@vigia/contracts';
import { parseSourceUrl } from '#core/media';
import { ConfigError } from './config-error.ts';
import { checkHeader, checkWebhook, endpointsOf, fillEndpoint } from './endpoints.ts';
import { type Issue, sentencesOf } from './issue-sentences.ts';
import { nearest } from '#core/terminal';
import { pathText, type Where } from './paths.ts';
import { readText } from './read-text.ts';
import { readYaml, TEXT_LIMIT } from './read-yaml.ts';
import { checkPrivacy } from './privacy-zones.ts';
import { checkRules } from './rule-references.ts';
import { resolveSecrets, type Secrets } from './secrets.ts';

/** Problems after which a document is not looked at any further. */
const ENOUGH = 500;

/** A configuration file that was read. */
export interface ConfigFile {
  /** With defaults and secrets. */
  readonly config: Config;
  /** Its data before defaults and references are filled in. */
  readonly written: unknown;
}

/**
 * Reads and validates a configuration file, fills in its defaults and secrets, and registers the secrets for redaction.
 *
 * @throws ConfigError with all problems at once; UsageError when the file cannot be read.
 */
export function loadConfig(file: string, env: NodeJS.ProcessEnv = process.env): Config {
  return readConfigFile(file, env).config;
}

/** Like {@link loadConfig}, with what stands in the file. */
export function readConfigFile(file: string, env: NodeJS.ProcessEnv = process.env): ConfigFile {
  let text: string;
  try {
    text = readText(file, TEXT_LIMIT);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const why = codeOf(error) === 'ENOENT' ? 'no such file' : `cannot be read (${codeOf(error)})`;
    throw new UsageError(`${file}: ${why}; give the path of a configuration file with -c`, {
      path: file,
      cause: error,
    });
  }
  return readConfig(text, file, { env, origin: 'file' });
}

/** Like {@link loadConfig}, for text that has already been read. */
export function parseConfig(text: string, file: string, env: NodeJS.ProcessEnv = process.env): Config {
  return readConfig(text, file, { env, origin: 'file' }).config;
}

/**
 * Reads a configuration that somebody sends to the running node: passwords may stand in it, and are registered for redaction.
 *
 * @throws ConfigError with all problems at once.
 */
export function parseSentConfig(text: string, env: NodeJS.ProcessEnv = process.env): Config {
  return readConfig(text, 'document', { env, origin: 'runtime' }).config;
}

/** Checks a configuration that was put together from what was in force before, and registers its secrets. @throws ConfigError */
export function keptConfig(config: unknown, env: NodeJS.ProcessEnv = process.env): Config {
  return checkedConfig(config, pathText, { env, origin: 'kept' });
}

function readConfig(text: string, file: string, secrets: Secrets): ConfigFile {
  const { data, where } = readYaml(text, file);
  return { config: checkedConfig(data, where, secrets), written: data };
}

function checkedConfig(data: unknown, where: Where, secrets: Secrets): Config {
  const parsed = configSchema.safeParse(data);
  if (!parsed.success) throw new ConfigError(sentencesOf(parsed.error.issues as unknown as Issue[], data, where));
  const problems = checkReferences(parsed.data, where, secrets);
  if (problems.length > 0) throw new ConfigError(problems);
  return fillSecrets(parsed.data, where, secrets);
}

function checkReferences(config: Config, where: Where, { env, origin }: Secrets): string[] {
  const problems: string[] = [];
  const cameras = Object.keys(config.cameras);
  if (cameras.length === 0) problems.push(`${where(['cameras'])}: no camera; name at least one`);
  for (const [id, camera] of Object.entries(config.cameras)) {
    if (RESERVED_CAMERA_IDS.includes(id))
      problems.push(`${where(['cameras', id])}: "${id}" is reserved for MQTT topics; choose another id`);
    for (const key of ['source', 'detect_source'] as const)
      problems.push(...checkSource(camera[key], where(['cameras', id, key])));
    problems.push(...checkTransport(camera, (key) => where(['cameras', id, key])));
    problems.push(...checkPrivacy(camera, (zone) => where(['cameras', id, 'zones', zone])));
    problems.push(...checkRules(camera, (...keys) => where(['cameras', id, 'rules', ...keys])));
    for (const [name, consumer] of Object.entries(camera.consumers)) {
      if (problems.length > ENOUGH) return problems;
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
  for (const [path, { headers }] of origin === 'file' ? endpointsOf(config) : [])
    for (const [name, value] of Object.entries(headers))
      problems.push(...checkHeader(name, value, where([...path, 'headers', name])));
  for (const [id, webhook] of Object.entries(config.webhooks))
    problems.push(...checkWebhook(webhook, cameras, (key) => where(['webhooks', id, key])));
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
  if (dir !== undefined && !isFolder(dir)) problems.push(`${at('dir')}: found ${dir}, no such folder`);
  if (module !== undefined && !existsSync(module)) problems.push(`${at('module')}: found ${module}, no such file`);
  if (module !== undefined && /\.[mc]?ts$/.test(module) && !runsTypeScript())
    problems.push(
      `${at('module')}: found ${module}, Node ${process.versions.node} does not run TypeScript: use 22.18 or newer, or JavaScript`,
    );
  // Only its first word: a whole command line in one text may hold a password.
  const [program] = command?.[0]?.split(/\s/, 1) ?? [];
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

/** Node strips types from 22.18 on. */
function runsTypeScript(): boolean {
  return Boolean((process.features as { readonly typescript?: unknown }).typescript);
}

/** Also false for what cannot be the name of a folder. */
function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
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

function fillSecrets(config: Config, where: Where, secrets: Secrets): Config {
  const cameras = Object.entries(config.cameras).map(([id, camera]): [string, Config['cameras'][string]] => [
    id,
    {
      ...camera,
      source: resolveSecrets(camera.source, where(['cameras', id, 'source']), secrets),
      ...(camera.detect_source === undefined
        ? {}
        : {
            detect_source: resolveSecrets(camera.detect_source, where(['cameras', id, 'detect_source']), secrets),
          }),
    },
  ]);
  const workers = Object.entries(config.workers).map(([id, worker]): [string, WorkerConfig] => {
    const env = Object.entries(worker.env).map(([name, value]): [string, string] => [
      name,
      resolveSecrets(value, where(['workers', id, 'env', name]), secrets),
    ]);
    return [id, { ...worker, env: Object.fromEntries(env) }];
  });
  return {
    ...config,
    cameras: Object.fromEntries(cameras),
    workers: Object.fromEntries(workers),
    ...(config.mqtt
      ? { mqtt: { ...config.mqtt, url: resolveSecrets(config.mqtt.url, where(['mqtt', 'url']), secrets) } }
      : {}),
    ...(config.tracing ? { tracing: fillEndpoint(config.tracing, ['tracing'], where, secrets) } : {}),
    webhooks: Object.fromEntries(
      Object.entries(config.webhooks).map(([id, webhook]) => [
        id,
        fillEndpoint(webhook, ['webhooks', id], where, secrets),
      ]),
    ),
  };
}
