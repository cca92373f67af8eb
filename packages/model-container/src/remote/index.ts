export { KserveNetwork, type KserveNetworkOptions } from './kserve-network.ts';
export { readRemoteFacts } from './remote-facts.ts';
