import { afterEach, describe, expect, test, vi } from 'vitest';
import { parseInput, parseOptions, surroundings } from './surroundings.ts';

afterEach(() => vi.unstubAllEnvs());

test('a program that vigia did not start gets an error of one sentence', () => {
  expect(() => surroundings()).toThrow(
    expect.objectContaining({ code: 'not_a_worker', message: expect.stringContaining('VIGIA_TRANSPORT') as string }),
  );
});

test('a process is known by its environment', () => {
  vi.stubEnv('VIGIA_TRANSPORT', 'stdin');
  expect(surroundings()).toEqual({ env: process.env, port: undefined });
});

describe('VIGIA_INPUT', () => {
  test('is a format and a size', () => {
    expect(parseInput({ VIGIA_INPUT: 'GRAY8 320x180' })).toEqual({ format: 'GRAY8', width: 320, height: 180 });
    expect(parseInput({ VIGIA_INPUT: 'JPEG 1920x1080' })).toEqual({ format: 'JPEG', width: 1920, height: 1080 });
  });

  test.each([undefined, '', 'GRAY8', 'GRAY8 320', 'PNG 320x180', 'GRAY8 320x180 '])('%j is neither', (text) => {
    expect(() => parseInput({ VIGIA_INPUT: text })).toThrow(expect.objectContaining({ code: 'bad_environment' }));
  });
});

describe('VIGIA_WORKER_OPTIONS', () => {
  test('is an object; without the variable an empty one', () => {
    expect(parseOptions({ VIGIA_WORKER_OPTIONS: '{"zone":{"x":1}}' })).toEqual({ zone: { x: 1 } });
    expect(parseOptions({})).toEqual({});
  });

  test.each(['', '{', '[]', 'null', '"a"', '1'])('%s is none', (text) => {
    expect(() => parseOptions({ VIGIA_WORKER_OPTIONS: text })).toThrow(
      expect.objectContaining({ code: 'bad_environment' }),
    );
  });
});
