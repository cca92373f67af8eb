import { readYaml } from './read-yaml.ts';

/** What a YAML or JSON text holds, without any check; undefined when it cannot be read. Fills in no reference. */
export function dataOf(text: string): unknown {
  try {
    return readYaml(text, 'document').data;
  } catch {
    // A caller that reads it as a configuration gets the reason.
    return undefined;
  }
}
