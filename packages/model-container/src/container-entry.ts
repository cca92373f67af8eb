import { fileURLToPath } from 'node:url';

/** The script of a container process, to be forked: the compiled one, from sources and build alike. */
export const containerEntry: string = fileURLToPath(new URL('../dist/main.js', import.meta.url));
