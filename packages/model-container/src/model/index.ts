export type { AuthorFrame, AuthorManifest, Infer, ModelModule } from './author-model.ts';
export type { Part } from './crops-model.ts';
export type { Model, ModelFacts } from './model.ts';
export { type ModelSettings, type OpenedModel, openModel, openPart } from './open-model.ts';
