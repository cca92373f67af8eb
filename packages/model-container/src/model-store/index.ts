export { CATALOGUE, type CatalogueEntry, type GoldenAsset, type TfjsSource } from './catalogue.ts';
export type { OnProgress } from './fetch-tarball.ts';
export {
  defaultCacheDir,
  ModelStore,
  type ModelStatus,
  type ModelStoreOptions,
  type PullOptions,
  type ResolvedModel,
  type VerifyReport,
} from './model-store.ts';
export type { NpmOptions } from './npm-settings.ts';
