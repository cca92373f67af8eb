import type { Option } from './command.ts';

/** Options of `vigia models add`. */
export const ADD_OPTIONS = {
  id: { type: 'string', about: "the model's name in use" },
  task: { type: 'string', about: 'what it does', value: ['detection', 'pose', 'segmentation'] },
  decoder: { type: 'string', about: 'how its outputs are read', value: 'file' },
  classes: { type: 'string', about: 'names of its classes', value: 'file' },
  'input-size': { type: 'string', about: 'WIDTHxHEIGHT of its input' },
  fit: { type: 'string', about: 'how a picture gets its size', value: ['stretch', 'letterbox'] },
  mean: { type: 'string', about: 'subtracted from a pixel' },
  scale: { type: 'string', about: 'what a pixel is multiplied with' },
  order: { type: 'string', about: 'of its colours', value: ['RGB', 'BGR'] },
  golden: { type: 'string', about: 'a picture with known objects', value: 'file' },
  licence: { type: 'string', about: 'of the weights' },
  threshold: { type: 'string', about: 'minimum confidence' },
  yes: { type: 'boolean', about: 'add it without asking' },
} as const;

/** Options of all verbs of `vigia models`. */
export const MODELS_OPTIONS: Readonly<Record<string, Option>> = {
  ...ADD_OPTIONS,
  'accept-licence': { type: 'string', about: 'of a model whose licence binds its user' },
};
