import { parseDocument } from 'yaml';

/** What a YAML or JSON text holds, without any check; undefined when it cannot be read. Fills in no reference. */
export function dataOf(text: string): unknown {
  const document = parseDocument(text, { prettyErrors: false });
  if (document.errors.length > 0) return undefined;
  try {
    return document.toJS();
  } catch {
    // Too many aliases.
    return undefined;
  }
}
