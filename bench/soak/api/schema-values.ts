import type { Random } from '../container-fuzz/random.ts';

/** A JSON Schema, as OpenAPI has it. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
}

/** Texts that the API's patterns and formats allow. */
const TEXTS = [
  'hall',
  'new',
  'light',
  'bright',
  'victim',
  'nobody',
  'a',
  '0'.repeat(12),
  '0'.repeat(26),
  // A session of live video.
  's'.repeat(22),
  '7'.padEnd(26, 'Z'),
  'result',
  'stats,event',
  'config,audit',
  'worker',
  '2026-01-01T00:00:00Z',
  '2026-01-01T00:00:00.000+02:00',
  '1',
  '100',
  '1000',
  'rtsp://127.0.0.1:1/x',
  'http://127.0.0.1:1/x.mjpg',
  '127.0.0.1:8470',
  'GRAY8',
];
/** What no schema expects of a text. */
const ODD_TEXTS = [
  '',
  ' ',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '..',
  '../../etc/passwd',
  '%00',
  '\u0000',
  '${VIGIA_FUZZ_PASSWORD}',
  '${file:/etc/passwd}',
  'file:/etc/passwd',
  '\u202e\u2066',
  '\ud800',
  '-1',
  '0',
  '1e999',
  'NaN',
  'null',
  'true',
  '{"a":1}',
  "' OR 1=1 --",
  '<script>',
  '\r\nSet-Cookie: a=b',
  'Bearer x',
  'a'.repeat(63),
  'a'.repeat(64),
  'a'.repeat(101),
];
const KEYS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  '',
  'a'.repeat(300),
  '0',
  '${HOME}',
];
/** One value of so many is none of the schema. */
const ODD_ONE_IN = 14;
const DEEPEST = 6;

/** Values of JSON Schemas: most are valid, at their bounds too; some are of another type, too long, or have other keys. */
export class SchemaValues {
  readonly #random: Random;
  readonly #schemas: Readonly<Record<string, JsonSchema>>;
  readonly #patterns = new Map<string, readonly string[]>();

  /** @param schemas Those that `$ref` names, by `#/components/schemas/NAME`. */
  constructor(random: Random, schemas: Readonly<Record<string, JsonSchema>>) {
    this.#random = random;
    this.#schemas = schemas;
  }

  /** A value. @param oddOneIn How many of its parts are valid for one that is not. 0: all are. */
  of(schema: JsonSchema, oddOneIn: number = ODD_ONE_IN, depth = 0): unknown {
    const random = this.#random;
    if (oddOneIn > 0 && random.once(oddOneIn)) return this.odd();
    if (schema.$ref !== undefined) return this.of(this.#named(schema.$ref), oddOneIn, depth + 1);
    if (schema.const !== undefined) return schema.const;
    if (schema.enum) return random.of(schema.enum);
    const some = schema.anyOf ?? schema.oneOf ?? schema.allOf;
    if (some) return this.of(random.of(some), oddOneIn, depth + 1);
    return this.#typed(schema, oddOneIn, depth);
  }

  /** Any value of any type. */
  odd(): unknown {
    const random = this.#random;
    const values: readonly (() => unknown)[] = [
      () => null,
      () => random.of(ODD_TEXTS),
      () => random.of([0, -1, 1.5, 1e308, -1e308, 2 ** 53, 2 ** 31, 99_999]),
      () => random.json(),
      () => random.text(200),
      () => 'x'.repeat(random.of([256, 257, 1_024, 1_025, 70_000])),
      () => Array.from({ length: random.of([0, 1, 1_001]) }, () => random.of(TEXTS)),
      () => Object.fromEntries([[random.of(KEYS), random.json()]]),
    ];
    return random.of(values)();
  }

  /** A key that no schema has. */
  oddKey(): string {
    return this.#random.of(KEYS);
  }

  /** A text for a place that takes nothing else: part of an address, or a header. */
  text(schema: JsonSchema): string {
    const value = this.of(schema);
    return typeof value === 'string' ? value : (JSON.stringify(value) ?? '').slice(0, 2_000);
  }

  #named(ref: string): JsonSchema {
    return this.#schemas[ref.split('/').at(-1) ?? ''] ?? {};
  }

  #typed(schema: JsonSchema, oddOneIn: number, depth: number): unknown {
    const { type } = schema;
    if (type === 'string') return this.#string(schema);
    if (type === 'integer' || type === 'number') return this.#number(schema);
    if (type === 'boolean') return this.#random.once(2);
    if (type === 'null') return null;
    if (type === 'array') return this.#array(schema, oddOneIn, depth);
    if (type === 'object') return this.#object(schema, oddOneIn, depth);
    return this.#random.json();
  }

  #string({ pattern, format, minLength = 0, maxLength = 40 }: JsonSchema): string {
    const random = this.#random;
    if (format !== undefined && pattern === undefined) return random.of(TEXTS);
    if (pattern === undefined) return 'x'.repeat(random.of([minLength, maxLength, maxLength + 1, minLength + 1]));
    return random.of(this.#matching(pattern));
  }

  #matching(pattern: string): readonly string[] {
    const known = this.#patterns.get(pattern);
    if (known) return known;
    const fits = new RegExp(pattern, 'u');
    const texts = TEXTS.filter((text) => fits.test(text));
    this.#patterns.set(pattern, texts.length > 0 ? texts : TEXTS);
    return texts.length > 0 ? texts : TEXTS;
  }

  #number({ minimum = -5, maximum = 100 }: JsonSchema): number {
    return this.#random.of([minimum, maximum, minimum + 1, maximum - 1, minimum, minimum - 1, maximum + 1]);
  }

  #array({ items = {}, minItems = 0, maxItems = 3 }: JsonSchema, oddOneIn: number, depth: number): unknown[] {
    const most = depth > DEEPEST ? minItems : Math.min(maxItems, minItems + 2);
    return Array.from({ length: this.#random.int(minItems, most) }, () => this.of(items, oddOneIn, depth + 1));
  }

  #object(
    { properties = {}, required = [], additionalProperties }: JsonSchema,
    oddOneIn: number,
    depth: number,
  ): unknown {
    const random = this.#random;
    const entries = Object.entries(properties)
      .filter(([name]) => required.includes(name) || (depth < DEEPEST && random.once(3)))
      .map(([name, schema]) => [name, this.of(schema, oddOneIn, depth + 1)]);
    if (typeof additionalProperties === 'object' && random.once(2))
      entries.push([random.of(TEXTS), this.of(additionalProperties, oddOneIn, depth + 1)]);
    if (oddOneIn > 0 && random.once(oddOneIn)) entries.push([this.oddKey(), this.odd()]);
    return Object.fromEntries(entries);
  }
}
