import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog, systemClock } from '@vigia/base';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, askSocket } from '../../../test/support/ask-socket.ts';
import { picturesOf, picturesOfPieces, Recordings } from '../../../test/support/recordings.ts';
import { Playback } from './playback.ts';

const START = Date.parse('2026-11-23T10:00:00Z');
const view = new Recordings(mkdtempSync(join(tmpdir(), 'vigia-playlist-')));
const socketPath = join(view.dir, 'playback.sock');
let playback: Playback;

beforeAll(async () => {
  view.record('hall', { startMs: START, seconds: 14, sound: true });
  view.record('hall', { startMs: START + 14_000, seconds: 3, sound: true, scene: 14 });
  // A gap of 4 s, then another size.
  view.record('hall', { startMs: START + 21_000, seconds: 2, sound: true, scene: 21 });
  view.record('hall', { startMs: START + 23_000, seconds: 2, size: '192x108', scene: 23 });
  const log = createLog('footage', () => undefined);
  playback = await Playback.open({ view, socketPath, clock: systemClock, log, nodeName: 'box' });
});
afterAll(async () => {
  await playback.close();
  view.close();
});

const ask = (what: string): Promise<Answer> => askSocket(socketPath, `/hall/${what}`);
const playlist = async (fromMs: number, toMs: number): Promise<string> =>
  (await ask(`playlist.m3u8?from=${fromMs}&to=${toMs}`)).body.toString();
const withoutOffsets = (text: string): string => text.replaceAll(/from=\d+&to=\d+/g, 'from=…');

test('parts of 6 s begin at keyframes; gaps and other formats are discontinuities', async () => {
  const { headers, body } = await ask(`playlist.m3u8?from=${START + 500}&to=${START + 25_000}`);
  expect(headers['content-type']).toBe('application/vnd.apple.mpegurl');
  const zero = START - 2_000;
  expect(withoutOffsets(body.toString()).split('\n')).toEqual([
    '#EXTM3U',
    '#EXT-X-VERSION:7',
    '#EXT-X-TARGETDURATION:6',
    '#EXT-X-MEDIA-SEQUENCE:0',
    '#EXT-X-PLAYLIST-TYPE:VOD',
    '#EXT-X-INDEPENDENT-SEGMENTS',
    `#EXT-X-MAP:URI="init.mp4?order=1&at=${START}"`,
    '#EXT-X-PROGRAM-DATE-TIME:2026-11-23T10:00:00.000Z',
    '#EXTINF:6.00000,',
    `part.m4s?order=1&at=${START}&from=…&zero=${zero}`,
    '#EXT-X-PROGRAM-DATE-TIME:2026-11-23T10:00:06.000Z',
    '#EXTINF:6.00000,',
    `part.m4s?order=1&at=${START + 6_000}&from=…&zero=${zero}`,
    '#EXT-X-PROGRAM-DATE-TIME:2026-11-23T10:00:12.000Z',
    '#EXTINF:2.00000,',
    `part.m4s?order=1&at=${START + 12_000}&from=…&zero=${zero}`,
    '#EXT-X-PROGRAM-DATE-TIME:2026-11-23T10:00:14.000Z',
    '#EXTINF:3.00000,',
    `part.m4s?order=2&at=${START + 14_000}&from=…&zero=${zero}`,
    '#EXT-X-DISCONTINUITY',
    '#EXT-X-PROGRAM-DATE-TIME:2026-11-23T10:00:21.000Z',
    '#EXTINF:2.00000,',
    `part.m4s?order=3&at=${START + 21_000}&from=…&zero=${zero}`,
    '#EXT-X-DISCONTINUITY',
    `#EXT-X-MAP:URI="init.mp4?order=4&at=${START + 23_000}"`,
    '#EXT-X-PROGRAM-DATE-TIME:2026-11-23T10:00:23.000Z',
    '#EXTINF:2.00000,',
    `part.m4s?order=4&at=${START + 23_000}&from=…&zero=${zero}`,
    '#EXT-X-ENDLIST',
    '',
  ]);
});

test('a player shows the pictures of the source, and each part its own at their times', async () => {
  const text = await playlist(START + 3_300, START + 22_400);
  const names = [...text.matchAll(/^#EXT-X-MAP:URI="(.+)"$|^(part\.m4s.+)$/gm)].map(
    (match) => match[1] ?? match[2] ?? '',
  );
  expect(names.length).toBe(5);
  const init = (await ask(names[0] ?? '')).body;
  const source = picturesOfPieces(view.all.get('hall')?.slice(0, 3) ?? []);
  const shown: string[] = [];
  for (const name of names.slice(1)) {
    const { status, headers, body } = await ask(name);
    expect([status, headers['content-type'], headers['content-length']]).toEqual([
      200,
      'video/iso.segment',
      `${body.byteLength}`,
    ]);
    const path = join(view.dir, 'part.mp4');
    writeFileSync(path, Buffer.concat([init, body]));
    const pictures = picturesOf(path);
    const first = source.findIndex(({ ms }) => Math.abs(ms - Number(/at=(\d+)/.exec(name)?.[1])) < 1);
    const expected = source.slice(first, first + pictures.length);
    expect(pictures.map(({ md5 }) => md5)).toEqual(expected.map(({ md5 }) => md5));
    const gaps = pictures.map(({ ms }, i) => ms - (pictures[i - 1]?.ms ?? ms - 40));
    expect(gaps.every((ms) => Math.abs(ms - 40) < 0.1)).toBe(true);
    shown.push(...pictures.map(({ md5 }) => md5));
  }
  // ffmpeg plays the playlist itself, from files.
  const local = names.map((name, i) => ({ name, file: i === 0 ? 'init.mp4' : `part${i}.m4s` }));
  for (const { name, file } of local) writeFileSync(join(view.dir, file), (await ask(name)).body);
  const played = local.reduce((all, { name, file }) => all.replaceAll(name, file), text);
  writeFileSync(join(view.dir, 'playlist.m3u8'), played);
  expect(picturesOf(join(view.dir, 'playlist.m3u8')).map(({ md5 }) => md5)).toEqual(shown);
});

test('parts of one run lie on one timeline, without holes', async () => {
  const text = await playlist(START, START + 17_000);
  const init = (await ask(/init\.mp4[^"]+/.exec(text)?.[0] ?? '')).body;
  const parts = await Promise.all([...text.matchAll(/^part.+$/gm)].map(([name]) => ask(name)));
  const path = join(view.dir, 'run.mp4');
  writeFileSync(path, Buffer.concat([init, ...parts.map(({ body }) => body)]));
  const pictures = picturesOf(path);
  expect(pictures.length).toBe(17 * 25);
  expect(pictures.every(({ ms }, i) => Math.abs(ms - i * 40) < 0.1)).toBe(true);
});

test('behind a hole within a segment, the next part begins at the next keyframe, as a discontinuity', async () => {
  const piece = view.record('hole', { startMs: START, seconds: 4 });
  const file = readFileSync(piece.path);
  // Fragments of 13 and 12 pictures: everything from the fourth one on is shown a second later.
  let at = -1;
  for (let n = 0; (at = file.indexOf('tfdt', at + 1)) >= 0; n += 1)
    if (n >= 3) file.writeBigUInt64BE(file.readBigUInt64BE(at + 8) + 90_000n, at + 8);
  writeFileSync(piece.path, file);
  const text = (await askSocket(socketPath, `/hole/playlist.m3u8?from=${START}&to=${START + 5_000}`)).body.toString();
  const lines = withoutOffsets(text).split('\n').slice(6);
  expect(lines.filter((line) => !/MAP|DATE-TIME/.test(line))).toEqual([
    '#EXTINF:1.52000,',
    `part.m4s?order=1&at=${START}&from=…&zero=${START - 2_000}`,
    '#EXT-X-DISCONTINUITY',
    '#EXTINF:2.00000,',
    `part.m4s?order=1&at=${START + 3_000}&from=…&zero=${START - 2_000}`,
    '#EXT-X-ENDLIST',
    '',
  ]);
});

test('a name that is not of the playlist is refused', async () => {
  const text = await playlist(START, START + 17_000);
  const name = /^part.+$/m.exec(text)?.[0] ?? '';
  const change = (key: string, value: number | string): string =>
    name.replace(new RegExp(`${key}=\\d+`), `${key}=${value}`);
  const from = Number(/from=(\d+)/.exec(name)?.[1]);
  const refused: [string, number][] = [
    [change('order', 9), 404],
    [change('order', 2), 404],
    [change('at', START + 60_000), 404],
    [change('from', 0), 404],
    [change('from', from + 1), 404],
    [change('to', from), 404],
    [change('to', 999_999_999_999), 404],
    [change('from', '-1'), 400],
    [change('from', '1e3'), 400],
    [change('zero', START + 1_000), 400],
    [change('zero', START - 26 * 3_600_000), 400],
    [`${name}&path=/etc/passwd`, 400],
    ['init.mp4?order=1', 400],
    [`init.mp4?order=7&at=${START}`, 404],
  ];
  for (const [what, status] of refused) expect([what, (await ask(what)).status]).toEqual([what, status]);
  expect((await ask(name)).status).toBe(200);
});
