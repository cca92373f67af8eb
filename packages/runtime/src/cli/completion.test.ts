import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from './commands.ts';
import { bashScript, fishScript, type Script, zshScript } from './completion-scripts.ts';
import { helpFor } from './help.ts';

const SCRIPTS: Readonly<Record<string, Script>> = { bash: bashScript, zsh: zshScript, fish: fishScript };
const isInstalled = (shell: string): boolean => spawnSync(shell, ['-c', 'true']).status === 0;

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-completion-'));
  for (const name of ['ward-3', 'demo', '$(touch pwned)', 'a b']) {
    mkdirSync(join(dir, 'vigia', name), { recursive: true });
    writeFileSync(join(dir, 'vigia', name, 'control.sock'), '');
  }
  for (const [shell, script] of Object.entries(SCRIPTS)) writeFileSync(join(dir, `c.${shell}`), script(COMMANDS));
  writeFileSync(join(dir, 'two words.jpg'), '');
});
afterAll(() => rmSync(dir, { recursive: true }));

/** Runs a shell in the folder of the scripts, where two nodes run. */
function run(shell: string, args: readonly string[]): string[] {
  const { stdout, stderr } = spawnSync(shell, args, {
    cwd: dir,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: dir, XDG_RUNTIME_DIR: dir },
  });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

/** What bash offers for the last word of a command line. */
function inBash(...words: string[]): string[] {
  const text = `source c.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _vigia; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return run('bash', ['-c', text, 'bash', ...words]);
}

/** What fish offers, without the descriptions. */
function inFish(line: string): string[] {
  return run('fish', ['-c', `source c.fish; complete -C '${line}'`]).map((offer) => offer.split('\t')[0] as string);
}

describe('the table of commands, the help and the scripts say the same', () => {
  test.each(Object.keys(COMMANDS))('%s: its help names its options and no others', (name) => {
    const named = [...helpFor(name, COMMANDS).matchAll(/(?<![\w-])--([a-z][a-z-]*)/g)].map((match) => match[1]);
    expect([...new Set(named)].sort()).toEqual(Object.keys(COMMANDS[name]?.options ?? {}).sort());
  });

  test('the list of commands has a line of each of at most 90 characters', () => {
    const lines = helpFor(undefined, COMMANDS).split('\n');
    for (const name of Object.keys(COMMANDS))
      expect(lines.find((line) => line.startsWith(`  vigia ${name}`))?.length ?? 999).toBeLessThanOrEqual(90);
  });

  test.each(Object.entries(SCRIPTS))('%s: every option of every command', (_shell, script) => {
    const text = script(COMMANDS);
    for (const [name, { options }] of Object.entries(COMMANDS))
      for (const option of [name, ...Object.keys(options)]) expect(text).toContain(option);
  });
});

describe('bash', () => {
  test.each<[string[], string[]]>([
    [
      ['vigia', 'st'],
      ['status', 'stop'],
    ],
    [
      ['vigia', 'status', '--'],
      ['--node', '--config', '--watch', '--json', '--help'],
    ],
    [
      ['vigia', 'logs', '--level', ''],
      ['debug', 'info', 'warn', 'error'],
    ],
    [
      ['vigia', 'completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['vigia', 'help', 'lo'], ['logs']],
    [['vigia', 'snapshot', 'hall', 'two'], ['two words.jpg']],
    [['vigia', 'snapshot', '--node', 'demo', 'hall', 'two'], ['two words.jpg']],
    [['vigia', 'snapshot', '--node', 'demo', 'two'], []],
  ])('%j', (words, offers) => {
    expect(inBash(...words)).toEqual(offers);
  });

  test('names of running nodes, and nothing that another user may have put there', () => {
    expect(inBash('vigia', 'stop', '--node', '')).toEqual(['demo', 'ward-3']);
    expect(inBash('vigia', 'stop', '--node', '\u0024')).toEqual([]);
  });
});

describe.skipIf(!isInstalled('zsh'))('zsh (skipped where it is not installed)', () => {
  test('reads the script', () => {
    expect(run('zsh', ['-n', 'c.zsh'])).toEqual([]);
  });
});

describe.skipIf(!isInstalled('fish'))('fish (skipped where it is not installed)', () => {
  test('completes', () => {
    expect(inFish('vigia st')).toEqual(['status', 'stop']);
    expect(inFish('vigia stop --node ')).toEqual(['demo', 'ward-3']);
    expect(inFish('vigia logs --level ')).toEqual(['debug', 'error', 'info', 'warn']);
    expect(inFish('vigia snapshot hall two')).toEqual(['two words.jpg']);
  });
});
