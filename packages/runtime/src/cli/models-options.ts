import type { ParseArgsConfig } from 'node:util';

/** Options of `vigia models add`. */
export const ADD_OPTIONS = {
  id: { type: 'string' },
  task: { type: 'string' },
  decoder: { type: 'string' },
  classes: { type: 'string' },
  'input-size': { type: 'string' },
  fit: { type: 'string' },
  mean: { type: 'string' },
  scale: { type: 'string' },
  order: { type: 'string' },
  golden: { type: 'string' },
  licence: { type: 'string' },
  threshold: { type: 'string' },
  yes: { type: 'boolean' },
} as const;

/** Options of all verbs of `vigia models`. */
export const MODELS_OPTIONS: NonNullable<ParseArgsConfig['options']> = {
  ...ADD_OPTIONS,
  'accept-licence': { type: 'string' },
};
