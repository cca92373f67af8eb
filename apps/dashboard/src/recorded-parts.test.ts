import { expect, test } from 'vitest';
import { movieType, partAt, readPlaylist } from './recorded-parts.ts';

const PLAYLIST = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:6
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MAP:URI="init.mp4?order=1&at=1000"
#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:01.000Z
#EXTINF:6.00000,
part.m4s?order=1&at=1000&from=0&to=9&zero=0
#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:07.000Z
#EXTINF:5.50000,
part.m4s?order=1&at=7000&from=9&to=20&zero=0
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="init.mp4?order=2&at=20000"
#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:20.000Z
#EXTINF:2.00000,
part.m4s?order=2&at=20000&from=0&to=7&zero=0
#EXT-X-ENDLIST
`;

test('a playlist: each part with its wall time and its beginning', () => {
  expect(readPlaylist(PLAYLIST)).toEqual({
    zeroMs: 0,
    parts: [
      {
        fromMs: 1000,
        toMs: 7000,
        init: 'init.mp4?order=1&at=1000',
        path: 'part.m4s?order=1&at=1000&from=0&to=9&zero=0',
      },
      {
        fromMs: 7000,
        toMs: 12_500,
        init: 'init.mp4?order=1&at=1000',
        path: 'part.m4s?order=1&at=7000&from=9&to=20&zero=0',
      },
      {
        fromMs: 20_000,
        toMs: 22_000,
        init: 'init.mp4?order=2&at=20000',
        path: 'part.m4s?order=2&at=20000&from=0&to=7&zero=0',
      },
    ],
  });
});

test('what is no playlist of parts is none', () => {
  for (const text of ['', '{"error":{}}', PLAYLIST.replaceAll(/.*MAP.*\n/g, ''), PLAYLIST.replaceAll('&zero=0', '')])
    expect(readPlaylist(text)).toBeNull();
  expect(readPlaylist(PLAYLIST.replaceAll(/#EXT-X-PROGRAM.*\n/g, ''))).toBeNull();
});

test('the part of a time: in a gap the one behind it, at the end none', () => {
  const { parts } = readPlaylist(PLAYLIST) ?? { parts: [] };
  expect([0, 1000, 6999, 7000, 15_000, 20_000, 22_000].map((ms) => partAt(parts, ms))).toEqual([0, 0, 0, 1, 2, 2, -1]);
});

/** As much of `moov` as names a codec. */
function init(...boxes: readonly (string | readonly number[])[]): Uint8Array {
  return Uint8Array.from(
    boxes.flatMap((one) => (typeof one === 'string' ? Array.from(one, (letter) => letter.charCodeAt(0)) : one)),
  );
}

test('codecs, as a browser wants them named', () => {
  const avc = ['avc1', [0, 0], 'avcC', [1, 0x64, 0, 0x1f, 0xff]] as const;
  expect(movieType(init(...avc))).toBe('video/mp4; codecs="avc1.64001f"');
  expect(movieType(init(...avc, 'soun', 'mp4a'))).toBe('video/mp4; codecs="avc1.64001f, mp4a.40.2"');
  // Main profile, level 3.1, as in ISO/IEC 14496-15, annex E: compatible with profiles 1 and 2.
  const hevc = ['hvc1', 'hvcC', [1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93]] as const;
  expect(movieType(init(...hevc))).toBe('video/mp4; codecs="hvc1.1.6.L93.90"');
  // Sound in G.711 makes browsers refuse the whole movie.
  expect(movieType(init(...avc, 'soun', 'ulaw'))).toBeNull();
  expect(movieType(init('mp4v'))).toBeNull();
});
