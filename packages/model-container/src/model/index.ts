export type { AuthorFrame, AuthorManifest, Infer, ModelModule } from './author-model.ts';
export type { Part } from './crops-model.ts';
export type { Model, ModelFacts, Seen } from './model.ts';
export {
  type ModelSettings,
  type NetworkDescription,
  type OpenedModel,
  openModel,
  openNetwork,
  openPart,
} from './open-model.ts';
