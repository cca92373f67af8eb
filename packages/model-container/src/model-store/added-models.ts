import { mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, messageOf, VigiaError } from '@vigia/base';
import { ID_PATTERN } from '@vigia/contracts';
import { type ModelManifest, readManifest } from '#manifest';
import { z } from 'zod';
import { cacheError, isDiskError } from './errors.ts';
import { isPresent, modelIn, type ResolvedModel } from './model-folder.ts';
import { createWorkFolder, moveIntoPlace } from './work-folder.ts';
import { writeDurably } from './write-durably.ts';

/** Beside the versions of an added model: names the current one. */
const INDEX = 'added.json';
const indexSchema = z.strictObject({ schema: z.literal(1), version: z.string().regex(/^[0-9a-f]{12}$/) });

/**
 * The models added to this machine's cache: `<root>/<id>/<version>/`, and `<root>/<id>/added.json`, which names the
 * current version: the one added last. Older versions stay, because a container may be serving them.
 */
export class AddedModels {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** All ids, sorted, including damaged models. */
  async ids(): Promise<string[]> {
    const found: string[] = [];
    for (const id of await namesIn(this.#root)) {
      if (ID_PATTERN.test(id) && (await this.#index(id)) !== undefined) found.push(id);
    }
    return found.sort();
  }

  /**
   * The current version of a model; undefined when it was never added.
   *
   * @throws VigiaError `model_manifest` or `model_absent` when it was added, and its files are damaged or missing.
   */
  async find(id: string): Promise<ResolvedModel | undefined> {
    const version = await this.#version(id);
    if (version === undefined) return undefined;
    const dir = join(this.#root, id, version);
    const model = modelIn(dir, await readManifest(dir));
    if (await isPresent(model)) return model;
    throw new VigiaError(
      'model_absent',
      `model '${id}' was added, and files of it are gone from ${dir}: add it again`,
      {
        path: dir,
      },
    );
  }

  /**
   * Adds a model. On failure or interruption nothing remains.
   *
   * @param make Writes all files of the model, manifest included, into an empty folder, and returns the manifest.
   * @throws VigiaError `model_cache`; errors of `make`.
   */
  async add(id: string, make: (dir: string) => Promise<ModelManifest>): Promise<ResolvedModel> {
    const parent = join(this.#root, id);
    let work: string | undefined;
    try {
      work = await createWorkFolder(parent);
      const out = join(work, 'model');
      await mkdir(out);
      const manifest = await make(out);
      await flush(out);
      const dir = join(parent, manifest.version);
      // The same version has the same results; its measurements may differ, and the newer ones count.
      await moveIntoPlace(out, dir, work, async () => false);
      const index = join(work, INDEX);
      await writeDurably(index, JSON.stringify({ schema: 1, version: manifest.version }));
      await rename(index, join(parent, INDEX));
      return modelIn(dir, manifest);
    } catch (error) {
      throw isDiskError(error) ? cacheError(error, parent) : error;
    } finally {
      if (work) await rm(work, { recursive: true, force: true });
      await removeEmpty(parent);
    }
  }

  /** Removes all versions of a model. @returns whether there were any. @throws VigiaError `model_cache`. */
  async remove(id: string): Promise<boolean> {
    if ((await this.#index(id)) === undefined) return false;
    const parent = join(this.#root, id);
    try {
      // First, so that an interrupted removal leaves no partial model.
      await rm(join(parent, INDEX), { force: true });
      await rm(parent, { recursive: true, force: true });
    } catch (error) {
      throw cacheError(error, parent);
    }
    return true;
  }

  async #version(id: string): Promise<string | undefined> {
    const text = await this.#index(id);
    if (text === undefined) return undefined;
    const parsed = indexSchema.safeParse(jsonOf(text));
    if (parsed.success) return parsed.data.version;
    const path = join(this.#root, id, INDEX);
    const why = `${path} is damaged: \`vigia models remove ${id}\`, and add it again`;
    throw new VigiaError('model_cache', why, { path });
  }

  /** The raw content of a model's index; undefined when it does not exist. */
  async #index(id: string): Promise<string | undefined> {
    const path = join(this.#root, id, INDEX);
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return undefined;
      throw new VigiaError('model_cache', `${path} cannot be read: ${messageOf(error)}`, { path, cause: error });
    }
  }
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw new VigiaError('model_cache', `${dir} cannot be read: ${messageOf(error)}`, { path: dir, cause: error });
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The schema reports the problem.
    return undefined;
  }
}

async function flush(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    const file = await open(join(dir, name), 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

async function removeEmpty(dir: string): Promise<void> {
  try {
    await rmdir(dir);
  } catch {
    // Not empty, or not ours to remove. A leftover empty folder is harmless, and this error would hide the original
    // one.
  }
}
