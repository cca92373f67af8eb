export { addModel, type AddOptions } from './add-model.ts';
export { parseClasses } from './class-names.ts';
export { type ModelAddress, parseAddress } from './model-address.ts';
export { KNOWN_DECODERS, type KnownDecoder, type PerChannel, type Wishes } from './wishes.ts';
