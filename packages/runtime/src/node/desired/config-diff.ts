import { isDeepStrictEqual } from 'node:util';
import { redact } from '@vigia/base';
import type { Config } from '@vigia/contracts';

/** Stands for what is secret, as in the log. */
export const MASK = '***';
/** Longest value in a line, characters. Longer ones are cut. */
const VALUE_LIMIT = 80;
/** Their values may be secret without being registered as secrets. */
const SECRET_MAP = /^(?:tracing|webhooks\.[^.]+)\.headers$/;
/** Sections whose entries are added, removed and merged one by one. */
export const BY_ID = ['cameras', 'models', 'workers', 'webhooks'] as const;

/** The differences between two configurations: one line per path, sorted by path. Secrets are redacted. */
export function describeConfigChanges(before: Config, after: Config): string[] {
  return differences(before, after, '').sort();
}

/**
 * Merges a configuration file that was read again with the changes made at runtime. An entry that differs from the
 * previous reading of the file follows the file; every other entry keeps its value in force. So a camera that was
 * removed at runtime stays away until the file changes that camera.
 *
 * @param fileBefore The previous reading of the file.
 * @param file The file as it is now.
 * @param inForce The document in force.
 */
export function mergeFile(fileBefore: Config, file: Config, inForce: Config): Config {
  const merged: Record<string, unknown> = { ...file };
  for (const key of new Set([...Object.keys(file), ...Object.keys(inForce)])) {
    const [old, now, current] = [fileBefore, file, inForce].map((config) => (config as Record<string, unknown>)[key]);
    if ((BY_ID as readonly string[]).includes(key)) merged[key] = mergeEntries(old, now, current);
    else if (isDeepStrictEqual(old, now)) merged[key] = current;
    if (merged[key] === undefined) delete merged[key];
  }
  return merged as Config;
}

function mergeEntries(old: unknown, now: unknown, current: unknown): Record<string, unknown> {
  const [before, file, inForce] = [old, now, current].map((section) => section as Record<string, unknown>);
  const merged: Record<string, unknown> = {};
  for (const id of new Set([...Object.keys(file ?? {}), ...Object.keys(inForce ?? {})])) {
    const entry = isDeepStrictEqual(before?.[id], file?.[id]) ? inForce?.[id] : file?.[id];
    if (entry !== undefined) merged[id] = entry;
  }
  return merged;
}

function differences(before: unknown, after: unknown, path: string): string[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (before === undefined) return [`${path}: added`];
  if (after === undefined) return [`${path}: removed`];
  if (SECRET_MAP.test(path)) return [`${path}: changed`];
  if (!isRecord(before) || !isRecord(after)) return [`${path}: ${printable(before)} → ${printable(after)}`];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) =>
    differences(before[key], after[key], path === '' ? key : `${path}.${key}`),
  );
}

/** Whether a value is an object with keys. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value on one line, redacted. */
function printable(value: unknown): string {
  const text = JSON.stringify(masked(value));
  return text.length > VALUE_LIMIT ? `${text.slice(0, VALUE_LIMIT)}…` : text;
}

/** An address may contain credentials that are not registered as secrets. */
function withoutLogin(text: string): string {
  return text.replaceAll(/(\w:\/\/)[^@/\s"]*@/g, `$1${MASK}@`);
}

/** The document with secrets and logins masked. */
export function redactedConfig(config: Config): Config {
  const shown = masked(config) as Config;
  const webhooks = Object.entries(shown.webhooks).map(([id, webhook]) => [id, withoutHeaders(webhook)]);
  return {
    ...shown,
    webhooks: Object.fromEntries(webhooks) as Config['webhooks'],
    ...(shown.tracing ? { tracing: withoutHeaders(shown.tracing) } : {}),
  };
}

function withoutHeaders<T extends { readonly headers: Readonly<Record<string, string>> }>(endpoint: T): T {
  const headers = Object.fromEntries(Object.keys(endpoint.headers).map((name) => [name, MASK]));
  return { ...endpoint, headers };
}

/** Text by text, before it becomes JSON: a secret may hold characters that JSON escapes, or look like a number. */
function masked(value: unknown): unknown {
  if (typeof value === 'string') return withoutLogin(redact(value));
  if (Array.isArray(value)) return value.map(masked);
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, masked(inner)]));
}
