import { quoted } from '@vigia/base';

/** Longest key in a sentence, in characters. */
const KEY_LIMIT = 64;
/** Keys of a path in a sentence. */
const KEYS = 12;

/** Where in a document, from its root. */
export type Path = readonly PropertyKey[];

/** `FILE:LINE: PATH`, for sentences. */
export type Where = (path: Path) => string;

/** A path for people. Its keys come from the document. */
export function pathText(path: Path): string {
  if (path.length === 0) return 'the file';
  const keys = path.slice(0, KEYS).map((key) => quoted(String(key), KEY_LIMIT));
  return path.length > KEYS ? `${keys.join('.')}.…` : keys.join('.');
}

/** The value at a path; undefined where there is none. */
export function valueAt(data: unknown, path: Path): unknown {
  let value = data;
  for (const key of path)
    value =
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined;
  return value;
}
