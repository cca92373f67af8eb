export { loadConfig } from './load-config.ts';
export { secretVariables } from './secrets.ts';
