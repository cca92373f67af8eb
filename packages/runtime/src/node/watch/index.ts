export { Watches, type WatchesOptions } from './watches.ts';
