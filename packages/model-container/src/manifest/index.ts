export {
  formatManifest,
  type Golden,
  inputBytes,
  MODEL_FILES,
  type ModelInput,
  type ModelManifest,
  parseManifest,
  type SsdDecoderSettings,
} from './manifest.ts';
export { readManifest } from './read-manifest.ts';
