import { createHash } from 'node:crypto';
import { open, readFile, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { codeOf, messageOf, VigiaError, makeFolders } from '@vigia/base';
import type { Config } from '@vigia/contracts';
import { z } from 'zod';
import { type ConfigFile, keptConfig, valueAt } from '#node/config';
import { BY_ID, isRecord } from './config-diff.ts';

/** Longest file, bytes. Revisions that would make it longer are forgotten, the oldest first. */
const SIZE_LIMIT = 8 * 1024 * 1024;
const FILE_CHANGED = 'the file has changed while the node did not run';

/**
 * An entry of the configuration (a camera, a model, a section) that runtime changed. `at`: `['cameras', 'hall']`, `['storage']`.
 * `file`: fingerprint of what the file says about it; null: nothing. `changes`: what differs from the file, by path inside the
 * entry; without a value it is not there.
 */
export interface KeptEntry {
  readonly at: readonly string[];
  readonly file: string | null;
  readonly changes: readonly { readonly path: readonly string[]; readonly value?: unknown }[];
}

/** A revision, with what runtime had changed beside the file. Passwords may be in its entries. */
export interface KeptRevision {
  readonly revision: number;
  readonly at: string;
  readonly by: string;
  readonly changes: readonly string[];
  readonly entries: readonly KeptEntry[];
}

/** What a restart is to remember. `file`: fingerprint of the whole file. Revisions: oldest first. */
export interface Kept {
  readonly version: 1;
  readonly file: string | null;
  readonly revisions: readonly KeptRevision[];
}

const pathSchema = z.array(z.string()).max(50);
const entrySchema = z.strictObject({
  at: pathSchema.min(1).max(2),
  file: z.string().nullable(),
  changes: z.array(z.strictObject({ path: pathSchema, value: z.unknown().optional() })),
});
const keptSchema: z.ZodType<Kept> = z.strictObject({
  version: z.literal(1),
  file: z.string().nullable(),
  revisions: z
    .array(
      z.strictObject({
        revision: z.number().int().positive(),
        at: z.string(),
        by: z.string(),
        changes: z.array(z.string()),
        entries: z.array(entrySchema),
      }),
    )
    .min(1),
});

/** The document that a node begins with. */
export interface Initial {
  readonly file: ConfigFile;
  readonly config: Config;
  /** Oldest first, at least one: those of before, and a new one when the file has changed. */
  readonly revisions: readonly KeptRevision[];
  /** What runtime changed and the file has changed since, for people. */
  readonly followed: readonly string[];
  /** Why what runtime changed is not in force, though the file has not changed it; it is kept in case that it can be used again. */
  readonly problem: string | undefined;
}

/** Who makes a revision. `by`: `file vigia.yml`. `at`: RFC 3339. */
interface Stamp {
  readonly by: string;
  readonly at: string;
}

/** A file with what runtime changed beside it. */
export interface Joined {
  readonly config: Config;
  /** Entries that are in it. */
  readonly applied: readonly KeptEntry[];
  /** Entries that the file has changed since, to something else: they are as the file says. */
  readonly followed: readonly KeptEntry[];
  /** Entries that are no valid configuration any more, each with the reason. */
  readonly refused: readonly { readonly entry: KeptEntry; readonly why: string }[];
}

/** What differs between a file and the configuration in force, entry by entry. */
export function changesBeside({ config: file, written }: ConfigFile, inForce: Config): KeptEntry[] {
  return pathsOf(file, inForce).flatMap((at) => {
    const changes = leavesOf(valueAt(file, at), valueAt(inForce, at), []);
    return changes.length === 0 ? [] : [{ at: [...at], file: fingerprint(valueAt(written, at)), changes }];
  });
}

/**
 * The file with what runtime changed beside it, by the rule of a reload: an entry that the file has changed since follows the file.
 * What is not valid any more, such as a camera whose model is gone, is left out.
 */
export function joined(file: ConfigFile, entries: readonly KeptEntry[]): Joined {
  const isFollowed = ({ at, file: known }: KeptEntry): boolean => fingerprint(valueAt(file.written, at)) !== known;
  const isLost = ({ at, changes }: KeptEntry): boolean =>
    changes.some(({ path, value }) => !isDeepStrictEqual(valueAt(file.config, [...at, ...path]), value));
  const followed = entries.filter((entry) => isFollowed(entry) && isLost(entry));
  const holding = entries.filter((entry) => !isFollowed(entry));
  const all = tried(file.config, holding);
  if ('config' in all) return { config: all.config, applied: holding, followed, refused: [] };
  // One by one, until none can be taken: a camera may need a model that runtime added, too.
  let { config } = file;
  let waiting = holding;
  for (;;) {
    const refused: { entry: KeptEntry; why: string }[] = [];
    for (const entry of waiting) {
      const one = tried(config, [entry]);
      if ('config' in one) ({ config } = one);
      else refused.push({ entry, why: one.why });
    }
    const left = refused.map(({ entry }) => entry);
    if (left.length === waiting.length)
      return { config, applied: holding.filter((entry) => !left.includes(entry)), followed, refused };
    waiting = left;
  }
}

/**
 * The document that a node begins with: its file, and what runtime had changed beside it.
 *
 * @param stamp Of a new revision: there is one when the file has changed.
 */
export function initialOf(file: ConfigFile, kept: Kept | undefined, stamp: Stamp): Initial {
  const last = kept?.revisions.at(-1);
  if (!kept || !last) return fileAlone(file, kept, stamp, undefined);
  const { config, followed: entries, refused } = joined(file, last.entries);
  const followed = entries.map((entry) => `${entry.at.join('.')}: the file has changed it`);
  const reasons = refused.map(({ entry, why }) => `${entry.at.join('.')} (${why})`);
  const problem = reasons.length === 0 ? undefined : notInForce(reasons.join('; '));
  if (kept.file === fingerprint(file.written) && !problem)
    return { file, config, revisions: kept.revisions, followed, problem };
  const changes = [...followed, ...reasons, ...(followed.length + reasons.length > 0 ? [] : [FILE_CHANGED])];
  const next = { ...stamp, revision: last.revision + 1, changes, entries: changesBeside(file, config) };
  return { file, config, revisions: [...kept.revisions, next], followed, problem };
}

/** The document of a node that begins with its file alone, although runtime had changed something. @param why In a sentence. */
export function fileAlone(file: ConfigFile, kept: Kept | undefined, stamp: Stamp, why: string | undefined): Initial {
  const before = kept?.revisions ?? [];
  const changes = why === undefined ? [] : [notInForce(why)];
  const next = { ...stamp, revision: (before.at(-1)?.revision ?? 0) + 1, changes, entries: [] };
  return { file, config: file.config, revisions: [...before, next], followed: [], problem: changes[0] };
}

function notInForce(why: string): string {
  return `what was changed at runtime is not in force: ${why}`;
}

/** Of a value as JSON, regardless of the order of its keys; null for undefined. */
export function fingerprint(value: unknown): string | null {
  if (value === undefined) return null;
  return createHash('sha256')
    .update(JSON.stringify(sorted(value)))
    .digest('base64url');
}

/** The file of what runtime changed. Only its owner can read it: passwords may be in it. */
export class KeptFile {
  readonly path: string;
  #setAside = false;

  constructor(path: string) {
    this.path = path;
  }

  /** Undefined when nothing was ever changed. @throws VigiaError `changes_damaged` with what is wrong, without its contents. */
  async read(): Promise<Kept | undefined> {
    try {
      const { size } = await stat(this.path);
      if (size > SIZE_LIMIT) throw new Error(`it has ${size} bytes, at most ${SIZE_LIMIT} are allowed`);
      return keptSchema.parse(JSON.parse(await readFile(this.path, 'utf8')));
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      const why =
        error instanceof SyntaxError || error instanceof z.ZodError
          ? 'it has another form than vigia writes'
          : (codeOf(error) ?? messageOf(error));
      throw new VigiaError('changes_damaged', `${this.path} cannot be read (${why})`, {
        path: this.path,
        cause: error,
      });
    }
  }

  /** The next `write` keeps the present file under another name: it was not used. */
  setAside(): void {
    this.#setAside = true;
  }

  /** Afterwards the file is the old one or the new one, also after a power cut. @throws an error of the file system. */
  async write(kept: Kept): Promise<void> {
    const { path } = this;
    await makeFolders(dirname(path), 0o700);
    const next = await open(`${path}.new`, 'w', 0o600);
    try {
      // One that was left lying around may have another mode.
      await next.chmod(0o600);
      await next.writeFile(textOf(kept));
      await next.sync();
    } finally {
      await next.close();
    }
    if (this.#setAside) await rename(path, `${path}.unused`).catch(unlessAbsent);
    this.#setAside = false;
    await rename(`${path}.new`, path);
    const folder = await open(dirname(path), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}

function unlessAbsent(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error;
}

function textOf(kept: Kept): string {
  for (let from = 0; ; from += 1) {
    const revisions = kept.revisions.slice(from);
    const text = `${JSON.stringify({ ...kept, revisions })}\n`;
    if (Buffer.byteLength(text) <= SIZE_LIMIT) return text;
    if (revisions.length === 1) throw new VigiaError('limit', `what runtime changed has more than ${SIZE_LIMIT} bytes`);
  }
}

/** Every entry of two configurations: those of the sections by id, and the other sections. */
function pathsOf(...configs: readonly Config[]): (readonly string[])[] {
  const sections = new Set(configs.flatMap((config) => Object.keys(config)));
  return [...sections].flatMap((section): (readonly string[])[] => {
    if (!(BY_ID as readonly string[]).includes(section)) return [[section]];
    const ids = configs.flatMap((config) => Object.keys(valueAt(config, [section]) ?? {}));
    return [...new Set(ids)].map((id) => [section, id]);
  });
}

function leavesOf(before: unknown, after: unknown, path: readonly string[]): KeptEntry['changes'] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isRecord(before) || !isRecord(after))
    return [after === undefined ? { path: [...path] } : { path: [...path], value: after }];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => leavesOf(before[key], after[key], [...path, key]));
}

function tried(config: Config, entries: readonly KeptEntry[]): { readonly config: Config } | { readonly why: string } {
  let document: unknown = config;
  for (const { at, changes } of entries)
    for (const { path, value } of changes) document = withValue(document, [...at, ...path], value);
  try {
    return { config: keptConfig(document) };
  } catch (error) {
    return { why: messageOf(error) };
  }
}

/** A copy with a value at a path; undefined: without it. */
function withValue(within: unknown, [key, ...path]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  // Not by assignment: `__proto__` is a key like any other.
  const entries = new Map(Object.entries(isRecord(within) ? within : {}));
  const inner = withValue(entries.get(key), path, value);
  if (inner === undefined) entries.delete(key);
  else entries.set(key, inner);
  return Object.fromEntries(entries);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  );
}
