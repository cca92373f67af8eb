export { checkConsumers, loadConfig, parseConfig } from './load-config.ts';
export { dataOf } from './data-of.ts';
export { secretVariables } from './secrets.ts';
