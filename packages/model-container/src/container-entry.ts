import { fileURLToPath } from 'node:url';

/** The compiled script of a container process, to be forked; the same path from sources and from the build. */
export const containerEntry: string = fileURLToPath(new URL('../dist/main.js', import.meta.url));
