export type { ContainerReady } from './container.ts';
export { containerEntry } from './container-entry.ts';
export { COCO_CLASSES, type DecoderContext, type DecoderModule, SsdDecoder, type SsdOptions } from '#decoders';
export {
  frameOf,
  type FrameSize,
  type Golden,
  MODEL_TASKS,
  type ModelInput,
  type ModelManifest,
  type ModelTask,
} from '#manifest';
export type { AuthorFrame, AuthorManifest, Infer, Model, ModelModule } from '#model';
export type { OutputTensor } from '#network';
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
export {
  addModel,
  type AddOptions,
  KNOWN_DECODERS,
  type KnownDecoder,
  type ModelAddress,
  parseAddress,
  parseClasses,
  type PerChannel,
  tryProvider,
  type Wishes,
} from '#onboarding';
