export { ConfigError, loadConfig, parseConfig } from './load-config.ts';
