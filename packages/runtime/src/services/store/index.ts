export { NodeStore, type NodeStoreOptions } from './node-store.ts';
