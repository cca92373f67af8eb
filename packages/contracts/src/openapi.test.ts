import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { API, API_NAMES, openApi } from './api.ts';

const PAGE = readFileSync(new URL('../../../docs/protocol/http.md', import.meta.url), 'utf8');

test('the page lists exactly the routes of the table, with their roles and what they are about', () => {
  const listed = [...PAGE.matchAll(/^\| `([A-Z]+ \/\S*)` \| (\w+) \| (\w+) \|/gm)].map(([, ...row]) => row.join(' '));
  expect(listed.sort()).toEqual(
    API_NAMES.map((name) => `${API[name].method} ${API[name].path} ${API[name].role} ${API[name].scope}`).sort(),
  );
});

describe('OpenAPI', () => {
  const text = JSON.stringify(openApi('1.2.3'));

  test('every reference leads to a schema of the document', () => {
    const { components } = JSON.parse(text) as { components: { schemas: Record<string, unknown> } };
    const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, to]) => to ?? '');
    expect(references.length).toBeGreaterThan(10);
    for (const to of references)
      expect(Object.keys(components.schemas)).toContain(to.replace('#/components/schemas/', ''));
  });

  test('no two operations share a path and a method', () => {
    expect(new Set(API_NAMES.map((name) => `${API[name].method} ${API[name].path}`)).size).toBe(API_NAMES.length);
  });
});
