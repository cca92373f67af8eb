export type { ContainerReady } from './container.ts';
export { containerEntry } from './container-entry.ts';
export { COCO_CLASSES, SsdDecoder, type SsdOptions } from '#decoders';
export type { Golden, ModelInput, ModelManifest, SsdDecoderSettings } from '#manifest';
export {
  CATALOGUE,
  type CatalogueEntry,
  defaultCacheDir,
  ModelStore,
  type ModelStatus,
  type ModelStoreOptions,
  type OnProgress,
  type PullOptions,
  type ResolvedModel,
  type VerifyReport,
} from '#model-store';
