export { checkConsumers, loadConfig, parseConfig } from './load-config.ts';
export { secretVariables } from './secrets.ts';
