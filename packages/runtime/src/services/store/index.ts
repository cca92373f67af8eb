export { NodeStore, type NodeStoreOptions, type StoreTrouble } from './node-store.ts';
