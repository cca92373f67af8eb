export type { Network, NetworkPort, OutputTensor } from './network.ts';
export { OnnxNetwork, type OnnxNetworkOptions } from './onnx-network.ts';
export { builtInProviders, checkProvider, providerFailed } from './providers.ts';
export { rowOf } from './row-of.ts';
