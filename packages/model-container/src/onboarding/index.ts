export { addModel } from './add-model.ts';
export type { AddOptions } from './add-options.ts';
export { parseClasses } from './class-names.ts';
export { type ModelAddress, parseAddress } from './model-address.ts';
export { tryProvider } from './try-provider.ts';
export { KNOWN_DECODERS, type KnownDecoder, type PerChannel, type Wishes } from './wishes.ts';
