import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { FAULTS } from '#simulated-camera';
import { FOOTAGE, madeClip } from '../../test/clips.ts';
import { RtspClient } from '../../test/rtsp-client.ts';
import { OPTIONS, parseSimcamArguments } from './arguments.ts';
import { runSimcam } from './simcam.ts';

/** The tool, run in this process: its lines as they are printed. */
class Tool {
  readonly lines: string[] = [];
  readonly code: Promise<number>;
  type: (line: string) => void = () => {};
  readonly #stop = new AbortController();
  #waiting: { pattern: RegExp; resolve: (line: string) => void }[] = [];

  constructor(...args: string[]) {
    const take = (text: string): void => {
      for (const line of text.split('\n')) {
        this.lines.push(line);
        for (const { pattern, resolve } of this.#waiting) if (pattern.test(line)) resolve(line);
        this.#waiting = this.#waiting.filter(({ pattern }) => !pattern.test(line));
      }
    };
    const onLine = (listener: (line: string) => void): void => void (this.type = listener);
    this.code = runSimcam(args, { print: take, complain: take, onLine, stop: this.#stop.signal });
  }

  /** A line printed earlier, or the first one to come. */
  line(pattern: RegExp): Promise<string> {
    const known = this.lines.find((line) => pattern.test(line));
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve) => this.#waiting.push({ pattern, resolve }));
  }

  stop(): Promise<number> {
    this.#stop.abort();
    return this.code;
  }
}

function portOf(line: string): number {
  return Number(/:(\d+)\//.exec(line)?.[1]);
}

describe('parseSimcamArguments', () => {
  it('has defaults', () => {
    expect(parseSimcamArguments([])).toEqual({
      help: false,
      cameras: 1,
      tls: undefined,
      settings: {
        clip: FOOTAGE,
        host: '127.0.0.1',
        port: 8554,
        path: '/stream',
        transports: ['tcp', 'udp'],
        mannersFiles: [],
        quirks: [],
        faults: [],
      },
    });
  });

  it('takes everything', () => {
    const text =
      '--clip a.mp4 --host :: --port 0 --path /x --cameras 3 --user u --password p --auth basic --fps 12.5 --audio pcma --transport udp ' +
      '--tls-cert c --tls-key k --manners a --manners b --quirk no-timeout --fault loss:5 --fault freeze:2s --second-clip b.mp4 --seed 7';
    const { settings, tls, cameras } = parseSimcamArguments(text.split(' '));
    expect([tls, cameras]).toEqual([{ certPath: 'c', keyPath: 'k' }, 3]);
    expect(settings).toEqual({
      clip: 'a.mp4',
      host: '::',
      port: 0,
      path: '/x',
      transports: ['udp'],
      mannersFiles: ['a', 'b'],
      quirks: ['no-timeout'],
      faults: ['loss:5', 'freeze:2s'],
      auth: { scheme: 'basic', user: 'u', password: 'p' },
      audio: 'pcma',
      fps: 12.5,
      seed: 7,
      secondClip: 'b.mp4',
    });
  });
});

describe('simcam', () => {
  it('lists all options and all faults', async () => {
    const tool = new Tool('--help');
    expect(await tool.code).toBe(0);
    const text = tool.lines.join('\n');
    for (const { name, help } of OPTIONS) expect(text).toMatch(new RegExp(`--${name}.*${help.slice(0, 10)}`));
    for (const { name, help } of FAULTS)
      expect(tool.lines.some((line) => line.startsWith(`  ${name}`) && line.endsWith(help))).toBe(true);
    expect(Math.max(...tool.lines.map((line) => line.length))).toBeLessThanOrEqual(140);
  });

  it('plays, prints events, executes typed commands, and sums up', async () => {
    const tool = new Tool('--port', '0', '--user', 'u', '--password', 'hush', '--fault', 'unauthorized');
    const line = await tool.line(/^camera 1: rtsp:.*\(user u\)$/);
    await tool.line(/h264, 768×576, 10 fps/);
    await tool.line(/fault unauthorized began/);
    const rtsp = await RtspClient.connect(portOf(line));
    await tool.line(/client 127\.0\.0\.1:\d+ connected/);
    expect((await rtsp.request('OPTIONS', '*')).status).toBe(401);
    tool.type('nonsense');
    await tool.line(/^simcam: "nonsense" is no fault/);
    tool.type('loss:5 not-found');
    await tool.line(/fault not-found began/);
    // In addition to the active ones.
    expect(tool.lines.filter((one) => one.includes('ended'))).toEqual([]);
    tool.type('loss:7');
    await tool.line(/fault loss:5 ended/);
    tool.type('?');
    await tool.line(/^ {2}freeze\[:0s\]/);
    tool.type('ok');
    await tool.line(/fault unauthorized ended/);
    expect((await rtsp.request('OPTIONS', '*')).status).toBe(200);
    await rtsp.close();
    await tool.line(/disconnected/);
    expect(await tool.stop()).toBe(0);
    expect(tool.lines.at(-1)).toMatch(/^camera 1: 1 connections, 0 sessions, 0 pictures sent .*replies 200×1 401×1$/);
    expect(tool.lines.join('\n')).not.toContain('hush');
  });

  it('runs several cameras, by TLS too, with sound and manners', async () => {
    const tool = new Tool(
      ...'--port 0 --cameras 2 --tls --audio aac --manners reolink --seed 3 --clip'.split(' '),
      madeClip('h264Aac'),
    );
    const second = await tool.line(/^camera 2: rtsps:/);
    const rtsp = await RtspClient.connectTls(portOf(second));
    const url = second.replace('camera 2: ', '');
    expect((await rtsp.request('DESCRIBE', url)).headers.get('content-base')).toMatch(
      /^rtsps:.*h264Preview_01_main\/$/,
    );
    await rtsp.request('SETUP', `${url}/trackID=1`, { Transport: 'RTP/AVP/TCP;unicast;interleaved=0-1' });
    await rtsp.close();
    expect(await tool.stop()).toBe(0);
    expect(tool.lines.filter((line) => /^camera \d: \d connections/.test(line))).toHaveLength(2);
  });

  it.each([
    [['--frobnicate'], '--frobnicate'],
    [['clip.mp4'], 'clip.mp4'],
    [['--port'], '--port'],
    [['--port', 'x'], '--port is "x": an integer in 0..65535 is needed'],
    [['--fps', '0'], '--fps is "0": a number in 0.1..240 is needed'],
    [['--cameras', '0'], '--cameras is "0"'],
    [['--port', '65535', '--cameras', '2'], 'leaves no port for camera 2'],
    [['--audio', 'mp3'], 'one of none, pcma, pcmu, aac is needed'],
    [['--transport', 'sctp'], 'one of tcp, udp, both is needed'],
    [['--quirk', 'odd'], 'one of rtp-before-play-reply'],
    [['--fault', 'odd'], '"odd" is no fault'],
    [['--fault', 'resolution', '--port', '0'], 'has no second clip'],
    [['--user', 'u'], 'a user and a password are needed'],
    [['--tls-cert', 'c'], 'both are needed'],
    [['--tls-cert', '/nowhere', '--tls-key', '/nowhere'], 'a PEM file is needed'],
    [['--clip', '/nowhere.mp4'], '/nowhere.mp4 does not exist'],
    [['--manners', 'nobody', '--port', '0'], 'nobody is no file and no prefix'],
    [['--manners', 'anjvision', '--port', '0'], 'describes h265'],
    [['--audio', 'aac', '--port', '0'], 'has no AAC track'],
    [['--path', 'x', '--port', '0'], 'path is "x"'],
  ])('says in one sentence what is wrong with %j, and ends with 2', async (args, words) => {
    const tool = new Tool(...args);
    expect(await tool.code).toBe(2);
    const complaints = tool.lines.filter((line) => line.startsWith('simcam: '));
    expect(complaints).toHaveLength(1);
    expect(complaints[0]).toContain(words);
  });

  it('ends with 1 when the port is taken, and closes what it had begun', async () => {
    const { server, port } = await takenPort();
    const tool = new Tool('--port', String(port - 1), '--cameras', '2');
    expect(await tool.code).toBe(1);
    expect(tool.lines.at(-1)).toContain(`${port} is already in use`);
    await expect(RtspClient.connect(port - 1)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    server.close();
  });
});

/** A server on a port above a free one: below the range from which the kernel serves tests that run in parallel. */
async function takenPort(): Promise<{ readonly server: Server; readonly port: number }> {
  for (;;) {
    const port = 20_001 + Math.floor(Math.random() * 10_000);
    const [before, server] = [createServer(), createServer()];
    try {
      await once(before.listen(port - 1, '127.0.0.1'), 'listening');
      await once(server.listen(port, '127.0.0.1'), 'listening');
      return { server, port };
    } catch {
      server.close();
    } finally {
      await new Promise((resolve) => before.close(resolve));
    }
  }
}
