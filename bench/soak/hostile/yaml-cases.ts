import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../container-fuzz/random.ts';
import { parseConfig } from '../../support/runtime-internals.ts';
import { ForeignText } from './foreign.ts';
import type { CaseJudge, Part } from './part.ts';
import { LITERAL, LOGIN } from './planted.ts';

/** Also of the longest text, on a busy machine. */
const LIMIT_MS = 5_000;

const GOOD = (folder: string): string => `version: 1
node: ward-3
cameras:
  hall:
    source: "rtsp://${LOGIN.user}:\${PLANTED}@127.0.0.1:1/x"
    max_picture: { width: 1280, height: 720 }
    consumers:
      people: { model: ssdlite, fps: 5, sla: critical }
      light: { worker: light, deadline_ms: 500 }
  yard: { source: "http://u:\${file:${folder}/secret}@127.0.0.1/y", consumers: {} }
models:
  ssdlite: { use: ssdlite-mobilenet-v2, threads: 1 }
workers:
  light: { command: [sh, -c, "true"], env: { KEY: "\${PLANTED}" }, options: { a: [1, 2, { b: null }] } }
mqtt: { url: "mqtt://node:\${PLANTED}@127.0.0.1:1883" }
webhooks:
  nurse: { url: "https://127.0.0.1/hook", headers: { Authorization: "Bearer \${PLANTED}" } }
http: { listen: "127.0.0.1:8080" }
`;

/** Files that a reference to a secret may name. */
const FILES: Readonly<Record<string, Buffer>> = {
  secret: Buffer.from(`${LOGIN.password}\nmore\n`),
  utf16: Buffer.from(`\ufeff${LOGIN.password}\n`, 'utf16le'),
  bare16: Buffer.from(LOGIN.password, 'utf16le'),
  binary: Buffer.from([0xff, 0xfe, 0xfd, 0, 1, 2]),
  long: Buffer.alloc(100_000, 'x'),
  empty: Buffer.alloc(0),
};

/** Keys that may hold secrets, with a password that stands there itself. */
const LITERALS = [
  `source: rtsp://u:${LITERAL}@127.0.0.1/x`,
  `source: rtsp://u:a/${LITERAL}@127.0.0.1/x`,
  `source: rtsp://u:a@${LITERAL}@127.0.0.1/x`,
  `source: rtsp://127.0.0.1/user=admin&password=${LITERAL}`,
  `source: http://127.0.0.1/x?pwd=${LITERAL}&channel=1`,
  `source: [rtsp://u:${LITERAL}@127.0.0.1/x]`,
  `source: { url: "rtsp://u:${LITERAL}@127.0.0.1/x" }`,
  `detect_source: ftp://u:${LITERAL}@127.0.0.1/x`,
];
const LITERAL_TOPS = [
  `workers: [{ env: { KEY: ${LITERAL} } }]`,
  `workers: { light: { env: [${LITERAL}] } }`,
  `workers: { light: { command: [x], env: { "bad name": ${LITERAL} } } }`,
  `mqtt: "mqtt://u:${LITERAL}@h"`,
  `mqtt: { url: ["mqtt://u:${LITERAL}@h"] }`,
  `mqtt: { url: "http://u:${LITERAL}@h" }`,
  `webhooks: { a: { url: "ftp://u:${LITERAL}@h" } }`,
  `webhooks: { a: { url: "https://h", headers: ["Authorization: ${LITERAL}"] } }`,
  `tracing: { url: 7, headers: { authorization: [${LITERAL}] } }`,
];
const SOUP =
  '{ } [ ] : - ? , & * ! | > " \' % @ ` # \n \n\n \t --- ... << &a *a !!set !!binary !!js/function 0x .inf .nan ~'.split(
    ' ',
  );
const TAGS = [
  '!!js/function "x"',
  '!!binary "////"',
  '!!set {a, b}',
  '!!omap [a: 1]',
  '!<x> y',
  '.inf',
  '-.nan',
  '0o777',
  '1e999',
  '2026-01-01',
  '!!timestamp x',
  '<<: *a',
];

type Maker = (random: Random, foreign: ForeignText, folder: string) => string;

function replacedLeaf(text: string, random: Random, value: string): string {
  const leaves = [...text.matchAll(/(?<=: )[^\s{[][^\n,}]*/g)];
  const { index = 0, 0: old = '' } = leaves[random.int(0, leaves.length - 1)] ?? {};
  return `${text.slice(0, index)}${value}${text.slice(index + old.length)}`;
}

function replacedKey(text: string, random: Random, key: string): string {
  const keys = [...text.matchAll(/[a-z_]+(?=:(?:\s|$))/gm)];
  const { index = 0, 0: old = '' } = keys[random.int(0, keys.length - 1)] ?? {};
  return `${text.slice(0, index)}${key}${text.slice(index + old.length)}`;
}

function nested(random: Random): string {
  const depth = random.of([30, 60, 1_000, 20_000]);
  return random.of([
    '['.repeat(depth),
    `${'['.repeat(depth)}${']'.repeat(depth)}`,
    `${'{a: '.repeat(depth)}1${'}'.repeat(depth)}`,
    Array.from({ length: Math.min(depth, 1_000) }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
  ]);
}

function aliases(random: Random): string {
  const fan = random.int(2, 12);
  const bomb = Array.from({ length: random.int(3, 12) }, (_, i) => {
    const before = i === 0 ? 'x' : `*a${i - 1}`;
    return `b${i}: &a${i} [${Array.from({ length: fan }, () => before).join(', ')}]`;
  }).join('\n');
  return random.of([
    bomb,
    'x: &x [*x]',
    'x: *nowhere',
    'x: &a { <<: *a }',
    'a: &a {b: *a}\nc: *a',
    `${bomb}\ncameras: *a0`,
  ]);
}

const MAKERS: Readonly<Record<string, Maker>> = {
  right: (random, _foreign, folder) => replacedLeaf(GOOD(folder), random, String(random.int(1, 120))),
  'values of any kind': (random, foreign, folder) =>
    replacedLeaf(GOOD(folder), random, JSON.stringify(random.once(2) ? random.json(3) : foreign.next())),
  'keys of any kind': (random, foreign, folder) =>
    replacedKey(
      GOOD(folder),
      random,
      random.of(['__proto__', 'constructor', 'toString', 'status', JSON.stringify(foreign.next())]),
    ),
  'many unknown keys': (random, foreign, folder) =>
    `${GOOD(folder)}${Array.from({ length: random.of([1, 50, 3_000]) }, (_, i) => `modle${i}: ${JSON.stringify(foreign.line().slice(0, 40))}\n`).join('')}`,
  mutated: (random, _foreign, folder) =>
    random.mutated(Buffer.from(GOOD(folder))).toString(random.of(['utf8', 'latin1'])),
  aliases: (random, _foreign, folder) => `${GOOD(folder)}${aliases(random)}`,
  'deep nesting': (random, _foreign, folder) => `${GOOD(folder)}x: ${nested(random)}`,
  'tags and numbers': (random, _foreign, folder) => replacedLeaf(GOOD(folder), random, random.of(TAGS)),
  soup: (random) => Array.from({ length: random.int(1, 200) }, () => random.of(SOUP)).join(random.of(['', ' '])),
  'random bytes': (random) => random.bytes(random.int(0, 400)).toString('latin1'),
  'a password in the file': (random, _foreign, folder) =>
    GOOD(folder).replace(/ {2}yard: .*\n/, `  yard:\n    ${random.of(LITERALS)}\n    consumers: {}\n`),
  'a password at the top': (random, _foreign, folder) =>
    `${GOOD(folder).replace(/^workers:[^]*$/m, '')}${random.of(LITERAL_TOPS)}\n`,
  'references to secrets': (random, foreign, folder) => {
    const files = [...Object.keys(FILES), 'folder', 'nowhere'].map((name) => `file:${folder}/${name}`);
    const name = random.of([
      ...files,
      'file:/dev/zero',
      'NOT_SET',
      '',
      'PATH',
      'file:',
      JSON.stringify(foreign.line()).slice(1, -1),
    ]);
    return GOOD(folder).replace(random.of(['${PLANTED}', `\${file:${folder}/secret}`]), `\${${name}}`);
  },
  'a program that is none': (random, foreign, folder) =>
    GOOD(folder).replace('[sh, -c, "true"]', JSON.stringify([foreign.line(), '${PLANTED}', random.text(20)])),
  'a very long text': (random, _foreign, folder) =>
    `${GOOD(folder)}${random.of(['# ', 'x: ', 'x: "', '- ', '? '])}${'y'.repeat(random.of([100_000, 1_000_000, 1_100_000]))}`,
};
const NAMES = Object.keys(MAKERS);
/** These cost more than all the others. */
const RARE = new Set(['many unknown keys', 'a very long text', 'deep nesting']);

/** Generated configurations, through the product's reader. */
export class YamlPart implements Part {
  readonly lanes = 1;
  readonly limitMs: number = LIMIT_MS;
  readonly #folder: string;
  readonly #env = { PATH: process.env['PATH'], PLANTED: LOGIN.password };

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(join(folder, 'folder'));
    for (const [name, bytes] of Object.entries(FILES)) writeFileSync(join(folder, name), bytes);
  }

  play(random: Random, judge: CaseJudge): string {
    const drawn = random.of(NAMES);
    const name = RARE.has(drawn) && !random.once(8) ? 'mutated' : drawn;
    const text = MAKERS[name]?.(random, new ForeignText(random), this.#folder) ?? '';
    try {
      parseConfig(text, 'vigia.yml', this.#env);
      return 'accepted';
    } catch (error) {
      return judge.refusal(error);
    }
  }
}
