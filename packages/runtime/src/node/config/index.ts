export {
  checkConsumers,
  type ConfigFile,
  keptConfig,
  loadConfig,
  parseConfig,
  parseSentConfig,
  readConfigFile,
} from './load-config.ts';
export { valueAt } from './paths.ts';
export { checkRules } from './rule-references.ts';
export { dataOf } from './read-yaml.ts';
export { holdsPassword, replacePasswords, secretVariables } from './secrets.ts';
