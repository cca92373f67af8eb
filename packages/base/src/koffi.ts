import { createRequire } from 'node:module';
import type koffi from 'koffi';

let loaded: typeof koffi | undefined;

/** koffi, loaded when something native is needed first: it takes 10 ms, and most commands need nothing. */
export function nativeCalls(): typeof koffi {
  loaded ??= createRequire(import.meta.url)('koffi') as typeof koffi;
  return loaded;
}
