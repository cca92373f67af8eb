import { chownSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { codeOf, messageOf, printable, quoted, UsageError, VigiaError, makeFoldersSync } from '@vigia/base';
import { type Config, configSchema } from '@vigia/contracts';
import { API } from '@vigia/contracts/api';
import { Alias, type Document, isCollection, parseDocument } from 'yaml';
import { stateDirOf } from '#core/node-dirs';
import { type ConfigFile, readConfigFile, replacePasswords, valueAt } from '#node/config';
import { describeConfigChanges, joined, type KeptEntry, KeptFile } from '#node/desired';
import { askJson } from './node-answers.ts';
import { configFile, type Values } from './options.ts';
import { socketOfNode } from './which-node.ts';

/** A reload may download a model. */
const RELOAD_MS = 600_000;
/** In maps of these names every value may be a secret. */
const SECRET_MAPS: ReadonlySet<string> = new Set(['env', 'headers']);

/** `vigia config save`. */
export async function configCommand(values: Values, [what = '']: readonly string[]): Promise<number> {
  if (what !== 'save') throw new UsageError(`vigia config: found "${quoted(what, 40)}", allowed is save`);
  const file = realpath(configFile(values, 'config'));
  const read = readConfigFile(file);
  const stateDir = stateDirOf(read.config.node);
  const kept = await new KeptFile(join(stateDir, 'changes.json')).read();
  const { config, applied } = joined(read, kept?.revisions.at(-1)?.entries ?? []);
  const changes = describeConfigChanges(read.config, config);
  if (changes.length === 0) {
    process.stdout.write(`${file}: nothing was changed at runtime beside it\n`);
    return 0;
  }
  save(file, { config, entries: applied, secretsDir: join(stateDir, 'secrets') });
  for (const change of changes) process.stdout.write(`  ${printable(change)}\n`);
  process.stdout.write(`${file}: written\n`);
  await reload(read.config.node);
  return 0;
}

/** The node takes the file for its own: what was changed at runtime stands there now. */
async function reload(node: string): Promise<void> {
  try {
    const { text } = await askJson(API.reload.answer, socketOfNode(node), '/api/v1/reload', RELOAD_MS, {
      method: 'POST',
    });
    process.stdout.write(`node ${node}: ${text}\n`);
  } catch (error) {
    if (codeOf(error) !== 'not_running') throw error;
  }
}

/** What is written into a file. `secretsDir`: where passwords go, one file each. */
interface Saving {
  /** What the file is to say. */
  readonly config: Config;
  readonly entries: readonly KeptEntry[];
  readonly secretsDir: string;
}

/**
 * Writes entries into a configuration file, whose comments stay. Afterwards it is the old one or the new one.
 *
 * @throws VigiaError `config_save`: nothing was changed.
 */
export function save(file: string, saving: Saving): void {
  const { text, secrets } = editedText(readFileSync(file, 'utf8'), saving);
  const next = `${file}.new`;
  try {
    makeFoldersSync(saving.secretsDir, 0o700);
    for (const [path, secret] of secrets) {
      // One that is there may be readable for others.
      rmSync(path, { force: true });
      writeFileSync(path, `${secret}\n`, { mode: 0o600 });
    }
    const { mode, uid, gid } = statSync(file);
    rmSync(next, { force: true });
    writeFileSync(next, text, { mode: mode & 0o777, flush: true });
    if (process.getuid?.() === 0) chownSync(next, uid, gid);
    const unlike = differencesOf(saving.config, readConfigFile(next));
    if (unlike.length > 0) throw new Error(`it would say something else: ${unlike.join('; ')}`);
    renameSync(next, file);
  } catch (error) {
    rmSync(next, { force: true });
    throw new VigiaError(
      'config_save',
      `${file} cannot be written (${codeOf(error) ?? messageOf(error)}); it is as it was`,
      {
        path: file,
        cause: error,
      },
    );
  }
}

function realpath(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    // Reading it gives the reason.
    return file;
  }
}

/** Addresses may encode the same password in different ways. */
function differencesOf(wanted: Config, { config }: ConfigFile): string[] {
  return describeConfigChanges(plain(wanted) as Config, plain(config) as Config);
}

function plain(value: unknown): unknown {
  if (typeof value === 'string') return replacePasswords(value, (password) => password);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

/** A text with entries in it, and the secrets that it refers to, by the path of their file. */
function editedText(
  text: string,
  { config, entries, secretsDir }: Saving,
): { readonly text: string; readonly secrets: ReadonlyMap<string, string> } {
  const document = parseDocument(text);
  const secrets = new Map<string, string>();
  for (const { at, changes } of entries)
    for (const { path, value } of changes) {
      const full = [...at, ...path];
      const short = path.length === 0 && value !== undefined ? withoutDefaults(config, at) : value;
      setIn(document, full, new Hider(secretsDir, secrets).hidden(short, full));
    }
  return { text: document.toString({ lineWidth: 0 }), secrets };
}

/** @throws VigiaError `config_save` for a place that an alias stands for. */
function setIn(document: Document, path: readonly string[], value: unknown): void {
  for (let length = 1; length < path.length; length += 1) {
    const above = path.slice(0, length);
    const node = document.getIn(above, true);
    if (node instanceof Alias)
      throw new VigiaError(
        'config_save',
        `${above.join('.')} is an alias (\`*name\`) in the file: write it out, then save again`,
      );
    // `door:` without anything.
    if (node !== undefined && !isCollection(node)) document.deleteIn(above);
  }
  if (value === undefined) document.deleteIn(path);
  else document.setIn(path, document.createNode(value));
}

/** Puts the secrets of values into files of their own. */
class Hider {
  readonly #dir: string;
  readonly #secrets: Map<string, string>;

  constructor(dir: string, secrets: Map<string, string>) {
    this.#dir = dir;
    this.#secrets = secrets;
  }

  hidden(value: unknown, path: readonly string[]): unknown {
    if (typeof value === 'string') {
      if (SECRET_MAPS.has(path.at(-2) ?? '')) return this.#reference(value, path);
      return replacePasswords(value, (password) => this.#reference(password, path));
    }
    if (Array.isArray(value)) return value.map((one, index) => this.hidden(one, [...path, String(index)]));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, this.hidden(inner, [...path, key])]));
  }

  #reference(secret: string, path: readonly string[]): string {
    const name = path.join('.').replaceAll(/[^\w.-]/g, '_');
    let file = join(this.#dir, name);
    for (let n = 2; this.#secrets.has(file); n += 1) file = join(this.#dir, `${name}.${n}`);
    this.#secrets.set(file, secret);
    return `\${file:${file}}`;
  }
}

/** An entry without the keys that would be the same without them. */
function withoutDefaults(config: Config, at: readonly string[]): unknown {
  const same = (entry: unknown): boolean => {
    const [section = '', id] = at;
    // Alone: the other entries change nothing about it, and take their time.
    const alone = { version: 1, cameras: {}, [section]: id === undefined ? entry : { [id]: entry } };
    const parsed = configSchema.safeParse(alone);
    return parsed.success && isDeepStrictEqual(valueAt(parsed.data, at), valueAt(config, at));
  };
  const shorten = (value: unknown, put: (shorter: unknown) => unknown): unknown => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    let left: Record<string, unknown> = { ...value };
    for (const key of Object.keys(value)) {
      const { [key]: inner, ...others } = left;
      if (same(put(others))) left = others;
      else left = { ...left, [key]: shorten(inner, (shorter) => put({ ...left, [key]: shorter })) };
    }
    return left;
  };
  return shorten(valueAt(config, at), (entry) => entry);
}
