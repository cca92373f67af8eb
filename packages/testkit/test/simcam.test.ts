// The tool as a process, on the built files.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { RtspClient } from './rtsp-client.ts';

const ENTRY = fileURLToPath(import.meta.resolve('@vigia/testkit/simcam'));
const children: ChildProcessWithoutNullStreams[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** The tool and its output so far. */
class Tool {
  readonly process: ChildProcessWithoutNullStreams;
  readonly exited: Promise<[code: number | null, signal: string | null]>;
  text = '';
  #wake: (() => void) | undefined;

  constructor(...args: string[]) {
    this.process = spawn(process.execPath, [ENTRY, ...args]);
    children.push(this.process);
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream.on('data', (chunk) => {
        this.text += String(chunk);
        this.#wake?.();
      });
    }
    this.exited = once(this.process, 'close') as Promise<[number | null, string | null]>;
  }

  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.text);
      if (found) return found;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

describe('simcam process', () => {
  it('plays, obeys lines, and sums up on SIGINT', async () => {
    const tool = new Tool('--port', '0');
    const [, url = '', port = ''] = await tool.until(/(rtsp:\/\/127\.0\.0\.1:(\d+)\/stream)\n/);
    const rtsp = await RtspClient.connect(Number(port));
    await rtsp.play(url);
    await rtsp.units.next();
    await tool.until(/1 playing/);
    tool.process.stdin.write('freeze\n');
    await tool.until(/fault freeze began/);
    tool.process.stdin.end('ok\n');
    await tool.until(/fault freeze ended/);
    tool.process.kill('SIGINT');
    expect(await tool.exited).toEqual([0, null]);
    expect(tool.text).toMatch(/camera 1: 1 connections, 1 sessions, \d+ pictures sent/);
    await rtsp.closed;
  });

  it('exits with 2 and one sentence for invalid arguments', async () => {
    const tool = new Tool('--fault', 'nonsense');
    expect(await tool.exited).toEqual([2, null]);
    expect(tool.text).toMatch(/^simcam: "nonsense" is no fault: [^\n]*\n$/);
  });
});
