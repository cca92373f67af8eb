export { Problems } from './problems.ts';
export { Watches, type WatchesOptions } from './watches.ts';
