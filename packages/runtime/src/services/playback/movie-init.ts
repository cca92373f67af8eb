import { createHash } from 'node:crypto';
import { boxAt, boxesIn, type TrackBoxes, tracksOf, withoutEdits } from '#core/footage';

/** Everything a player needs before the first fragment: `ftyp` and `moov`. */
export interface MovieInit {
  /** Ready to be sent: times are those of the fragments, without edits. */
  readonly bytes: Buffer;
  readonly tracks: readonly TrackBoxes[];
  readonly video: TrackBoxes;
  /** The codec's description of each track: equal ones can be decoded with the same init. By track id. */
  readonly formats: ReadonlyMap<number, string>;
  /** Of all tracks together. */
  readonly format: string;
  /** The content of the video track's `stsd` entry. */
  readonly entry: Buffer;
}

/** What is found in a visual sample entry before its boxes (ISO/IEC 14496-12, 12.1.3), bytes. */
const VISUAL = 78;
const NOTHING = Buffer.alloc(0);

/**
 * Reads the init of a segment; undefined when it has no video track.
 *
 * @param bytes `ftyp` and `moov`, whole; they are copied. @param moov The content of the `moov` in it.
 */
export function readInit(bytes: Buffer, moov: Buffer): MovieInit | undefined {
  const tracks = tracksOf(moov);
  const video = tracks.find(({ kind }) => kind === 'video');
  if (!video) return undefined;
  const entries = new Map<number, Buffer>();
  for (const { type, body } of boxesIn(moov)) {
    const id = type === 'trak' ? tracksOf(boxBytes(type, body)).at(0)?.id : undefined;
    const entry = boxAt(body, 'mdia/minf/stbl/stsd')?.subarray(16);
    if (id !== undefined && entry && !entries.has(id)) entries.set(id, entry);
  }
  const defaults = defaultsOf(moov);
  const formats = new Map<number, string>();
  for (const track of tracks)
    formats.set(track.id, formatOf(track, entries.get(track.id) ?? NOTHING, defaults.get(track.id) ?? NOTHING));
  const entry = entries.get(video.id);
  if (!entry || formats.size !== tracks.length) return undefined;
  const format = digest([...formats.entries()].flatMap(([id, one]) => [String(id), one]));
  return { bytes: withoutEdits(bytes), tracks, video, formats, format, entry };
}

/** The boxes in the video track's sample entry, such as `avcC`. */
export function descriptionOf({ entry }: MovieInit, type: string): Buffer | undefined {
  return boxAt(entry.subarray(VISUAL), type);
}

function boxBytes(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.byteLength + 8, 0);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
}

/** Two tracks of the same format have the same parameter sets and size. Bit rates, which a muxer guesses, do not count. */
function formatOf(
  { kind, timescale, entry, width, height }: TrackBoxes,
  description: Buffer,
  defaults: Buffer,
): string {
  const facts = [...[kind, timescale, entry, width, height].map(String), defaults];
  if (kind === 'audio') return digest([...facts, description]);
  const boxes = [...boxesIn(description.subarray(VISUAL))].filter(({ type }) => type !== 'btrt');
  return digest([...facts, description.subarray(0, VISUAL), ...boxes.flatMap(({ type, body }) => [type, body])]);
}

/** What samples have that do not say otherwise (`trex`), by track. */
function defaultsOf(moov: Buffer): Map<number, Buffer> {
  const all = [...boxesIn(boxAt(moov, 'mvex') ?? NOTHING)];
  return new Map(
    all.flatMap(({ type, body }) => (type === 'trex' && body.byteLength >= 24 ? [[body.readUInt32BE(4), body]] : [])),
  );
}

/** A short name of what identifies something. */
export function digest(parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length} `).update(part);
  return hash.digest('hex').slice(0, 32);
}
