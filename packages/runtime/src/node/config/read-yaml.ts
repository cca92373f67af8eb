import {
  type Document,
  isCollection,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  type Pair,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import { ConfigError } from './config-error.ts';
import { type Path, pathText, type Where } from './paths.ts';

/** Longest text, in characters. */
export const TEXT_LIMIT: number = 1024 * 1024;
/** Levels of a document. */
const DEPTH_LIMIT = 50;
/** Values of a document; those that an alias repeats count again. */
const VALUES_LIMIT = 100_000;
const TOO_DEEP = `nested too deep; at most ${DEPTH_LIMIT} levels are allowed`;
/** The engine's words, also in an error of the library. */
const FULL_STACK = /call stack/i;
/** Below one of these an entry is an id. */
const MAPS_OF_IDS = /^(?:cameras|models|workers|webhooks|cameras\.[^.]+\.consumers)$/;

/** What a YAML or JSON text holds, and where. */
export interface YamlText {
  readonly data: unknown;
  readonly where: Where;
}

/**
 * Reads a YAML or JSON text, without any check of its meaning. Bounded in length, depth and values: the result is a tree
 * without cycles.
 *
 * @param file For the sentences.
 * @throws ConfigError
 */
export function readYaml(text: string, file: string): YamlText {
  if (text.length > TEXT_LIMIT)
    throw new ConfigError([`${file}: ${text.length} characters, at most ${TEXT_LIMIT} are read`]);
  const lines = new LineCounter();
  const document = parsed(text, file, lines);
  const broken = document.errors[0];
  if (broken) {
    const { line, col } = lines.linePos(broken.pos[0]);
    const why = FULL_STACK.test(broken.message) ? TOO_DEEP : `not YAML: ${withoutValue(broken.message)}`;
    throw new ConfigError([`${file}:${line}:${col}: ${why}`]);
  }
  const twice = repeatedKey(document);
  if (twice !== undefined) {
    const { line, col } = lines.linePos(twice);
    throw new ConfigError([`${file}:${line}:${col}: not YAML: this key stands twice in its map`]);
  }
  const data = valueOf(document, file);
  const lineOf = lineFinder(document, lines);
  const where: Where = (path) => `${file}:${lineOf(path)}: ${pathText(path)}`;
  const problems = new Tree(where).check(data);
  if (problems.length > 0) throw new ConfigError(problems);
  return { data, where };
}

/** What a YAML or JSON text holds, without any check; undefined when it cannot be read. Fills in no reference. */
export function dataOf(text: string): unknown {
  try {
    return readYaml(text, 'document').data;
  } catch {
    // A caller that reads it as a configuration gets the reason.
    return undefined;
  }
}

function parsed(text: string, file: string, lineCounter: LineCounter): Document.Parsed {
  try {
    // The library compares each key with all before it: `repeatedKey` looks for them.
    return parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false });
  } catch (error) {
    throw new ConfigError([`${file}: not readable as YAML: ${whyOf(error)}`]);
  }
}

/** The position of the first key that its map has already; undefined: there is none. Linear. */
function repeatedKey(document: Document): number | undefined {
  const left: unknown[] = [document.contents];
  while (left.length > 0) {
    const node = left.pop();
    if (isPair(node)) left.push(node.value, node.key);
    if (!isCollection(node)) continue;
    const at = isMap(node) ? repeatedIn(node) : undefined;
    if (at !== undefined) return at;
    for (const item of node.items) left.push(item);
  }
  return undefined;
}

function repeatedIn({ items }: YAMLMap): number | undefined {
  const seen = new Set<string>();
  for (const { key } of items) {
    if (!isScalar(key)) continue;
    const name = String(key.value);
    if (seen.has(name)) return key.range?.[0] ?? 0;
    seen.add(name);
  }
  return undefined;
}

function valueOf(document: Document, file: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw new ConfigError([`${file}: not readable as YAML: ${whyOf(error)}`]);
  }
}

/** The library throws when it meets an alias that it cannot follow, and the engine when its stack is full. */
function whyOf(error: unknown): string {
  const text = error instanceof Error ? error.message : '';
  if (FULL_STACK.test(text)) return TOO_DEEP;
  if (/Excessive alias/.test(text)) return 'its aliases (`*name`) repeat too much; write the values out';
  if (/alias/i.test(text)) return 'an alias (`*name`) has no anchor (`&name`) before it; write the value out';
  return withoutValue(text);
}

/** The library's sentence without what it quotes, which may be a secret. */
function withoutValue(message: string): string {
  const [first = ''] = message.split('\n', 1);
  return first.replace(/:\s.*$/s, '').replaceAll(/"[^"]*"/g, '…');
}

/** Walks over a value of unknown origin. */
class Tree {
  readonly #where: Where;
  readonly #problems: string[] = [];
  /** The maps and lists above the present one. */
  readonly #above = new Set<object>();
  #values = 0;

  constructor(where: Where) {
    this.#where = where;
  }

  /** @returns the problems: cycles, depth, number of values, names that are none. */
  check(data: unknown): readonly string[] {
    this.#enter(data, []);
    if (this.#values > VALUES_LIMIT)
      return [`${this.#where([])}: more than ${VALUES_LIMIT} values, with those that aliases repeat`];
    return this.#problems;
  }

  #enter(value: unknown, path: Path): void {
    this.#values += 1;
    if (typeof value !== 'object' || value === null || this.#values > VALUES_LIMIT) return;
    const wrong = this.#above.has(value) ? 'an alias (`*name`) holds itself' : path.length > DEPTH_LIMIT && TOO_DEEP;
    if (wrong !== false) {
      this.#problems.push(`${this.#where(path)}: ${wrong}`);
      return;
    }
    this.#above.add(value);
    for (const [key, inner] of Object.entries(value)) {
      this.#name(key, path);
      this.#enter(inner, [...path, key]);
    }
    this.#above.delete(value);
  }

  /** JavaScript has a meaning of its own for these: as a name they would be lost, or found where there is none. */
  #name(key: string, path: Path): void {
    const reserved = key === '__proto__' || (key === 'constructor' && MAPS_OF_IDS.test(path.join('.')));
    if (reserved) this.#problems.push(`${this.#where([...path, key])}: "${key}" cannot be a name; choose another`);
  }
}

/** Finds the line of the deepest existing key of a path. */
function lineFinder(document: Document, lines: LineCounter): (path: Path) => number {
  const maps = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>();
  return (path) => {
    let line = 1;
    let node: unknown = document.contents;
    for (const key of path) {
      if (!isMap(node)) break;
      const pairs = maps.get(node) ?? pairsOf(node);
      maps.set(node, pairs);
      const pair = pairs.get(String(key));
      const range = (pair?.key as { range?: [number, number, number] } | undefined)?.range;
      if (!pair || !range) break;
      line = lines.linePos(range[0]).line;
      node = pair.value;
    }
    return line;
  };
}

function pairsOf(map: YAMLMap): Map<string, Pair> {
  return new Map(map.items.map((pair) => [String((pair.key as { value?: unknown } | null)?.value), pair]));
}
