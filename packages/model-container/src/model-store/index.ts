export {
  type CatalogueEntry,
  GOLDEN_ASSETS,
  GOLDEN_TOLERANCE,
  type GoldenAsset,
  manifestOf,
} from './catalogue.ts';
export type { OnProgress } from './fetch-tarball.ts';
export type { ResolvedModel } from './model-folder.ts';
export type { ChunksSource, ModelSource, OnnxSource, TfjsSource } from './model-source.ts';
export {
  defaultCacheDir,
  ModelStore,
  type ModelStatus,
  type ModelStoreOptions,
  type PullOptions,
  type VerifyReport,
} from './model-store.ts';
export { CATALOGUE } from './models.ts';
export type { NpmOptions } from './npm-settings.ts';
export type { PackageFacts } from './package-facts.ts';
export { filesIn, takeOut } from './package-files.ts';
export { writeDurably } from './write-durably.ts';
