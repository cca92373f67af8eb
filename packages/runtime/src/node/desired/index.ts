export { Reloader, type ReloaderOptions } from './reload.ts';
