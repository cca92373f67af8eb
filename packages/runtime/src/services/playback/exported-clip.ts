import { createHash } from 'node:crypto';
import { BEFORE_ALL_EVENTS, type NodeEvent } from '@vigia/contracts';
import type { AbsenceReason, FootageView } from '#core/footage';
import { EVENTS_PAGE, sidecarLines, type SidecarSources } from '#core/sidecar';
import { type ClipPlan, iso } from './clip-plan.ts';
import type { Sink } from './clip-stream.ts';
import { type ClipFacts, factsOf, sendClip } from './clips.ts';
import { readResults } from './results.ts';
import { ZipWriter } from './zip-writer.ts';

/** Which events of a camera: stored behind `after`, and between two wall times, milliseconds since 1970; `toMs` is not included. */
export interface EventsWanted {
  readonly camera: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly after: string;
  readonly limit: number;
}

/** What an export has that recordings have not. */
export interface ExportSource {
  /** Of vigia. */
  readonly version: string;
  /** Oldest first. @throws VigiaError `no_store`, `no_answer`; the signal's reason. */
  readonly events: (wanted: EventsWanted, signal: AbortSignal) => Promise<readonly NodeEvent[]>;
}

/** What is exported, and from where. */
export interface ExportOf {
  readonly plan: ClipPlan;
  readonly view: FootageView;
  readonly node: string;
  readonly source: ExportSource;
  /** Now. Milliseconds since 1970. */
  readonly wallMs: number;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

/** An archive that can be sent. */
export interface ClipExport {
  /** Of the file that it is saved in: `hall_2026-11-22T03-14-07Z.zip`. */
  readonly name: string;
  /**
   * @throws VigiaError `footage_changed`; what the source and the sink throw. The archive has no end then, and is not valid.
   */
  readonly send: (sink: Sink) => Promise<void>;
}

/** Lines of the sidecar that are sent together, characters. */
const SOME_LINES = 64 * 1024;
const SUMS = 'SHA256SUMS';

/**
 * Prepares a ZIP archive with a clip, what happened in it, a text that explains them, and the SHA-256 of all three. It is made
 * while it is sent, the clip last: events and results are read before a slow caller could make them old.
 *
 * @throws what the source throws: without events there is no export.
 */
export async function prepareExport(of: ExportOf): Promise<ClipExport> {
  const { plan, view, source, signal } = of;
  const { camera, fromMs, toMs } = plan;
  const page = (after: string): ReturnType<SidecarSources['events']> =>
    source.events({ camera, fromMs, toMs, after, limit: EVENTS_PAGE }, signal);
  const first = await page(BEFORE_ALL_EVENTS);
  // Times of results are whole milliseconds.
  const wanted = { camera, fromMs: Math.floor(fromMs), toMs: Math.ceil(toMs), signal };
  const files = view.resultFiles(camera, wanted.fromMs, wanted.toMs);
  const sources: SidecarSources = {
    events: async (after) => (after === BEFORE_ALL_EVENTS ? first : page(after)),
    results: readResults(files, wanted, (_line, result) => result),
  };
  return { name: nameOf(plan), send: (sink) => sendExport(of, sources, sink) };
}

function nameOf({ camera, fromMs }: ClipPlan): string {
  // The ids of cameras have nothing that a file's name must not have. Windows allows no colon.
  return `${camera}_${iso(fromMs).slice(0, 19).replaceAll(':', '-')}Z.zip`;
}

async function sendExport(of: ExportOf, sources: SidecarSources, sink: Sink): Promise<void> {
  const { plan, view, wallMs } = of;
  const zip = new ZipWriter(sink, wallMs);
  const sums: string[] = [];
  const add = async (name: string, bytes: number | undefined, write: (to: Sink) => Promise<void>): Promise<void> => {
    const hash = createHash('sha256');
    await zip.add(name, bytes, (to) =>
      write(async (chunk) => {
        hash.update(chunk);
        await to(chunk);
      }),
    );
    sums.push(`${hash.digest('hex')}  ${name}\n`);
  };
  const addText = (name: string, text: string): Promise<void> => {
    const bytes = Buffer.from(text);
    return add(name, bytes.byteLength, (to) => to(bytes));
  };
  await addText('README.txt', readme(of));
  await add('clip.jsonl', undefined, (to) => sendSidecar(plan, sources, to));
  await add('clip.mp4', plan.bytes, (to) => sendClip(plan, view, { from: 0, to: plan.bytes }, to));
  await addText(SUMS, sums.join(''));
  await zip.end();
}

async function sendSidecar(plan: ClipPlan, sources: SidecarSources, sink: Sink): Promise<void> {
  let lines = '';
  for await (const { text } of sidecarLines(plan.camera, factsOf(plan), sources)) {
    lines += text;
    if (lines.length < SOME_LINES) continue;
    await sink(Buffer.from(lines));
    lines = '';
  }
  await sink(Buffer.from(lines));
}

const REASONS: Readonly<Record<AbsenceReason, string>> = {
  camera_away: 'no connection to the camera',
  node_down: 'vigia was not running',
  disk_full: 'the disk was full',
  read_only: 'the disk could not be written to',
  disk_failed: 'the disk failed',
  disk_slow: 'the disk was too slow',
  no_event: 'only events are recorded, and nothing happened',
  not_recorded: 'the camera was not set to record, or its stream could not be recorded',
  clock: 'a clock was corrected',
  removed: 'the footage was deleted before this export',
};

/** For somebody who has never heard of vigia. */
function readme({ plan, node, source: { version }, wallMs }: ExportOf): string {
  const { gaps, from_ms: fromMs, to_ms: toMs, ends } = factsOf(plan);
  const early = ends
    ? '\nThe clip ends early: the format of the camera changes there. Export the rest separately.\n'
    : '';
  return `Recording of camera ${plan.camera}, exported by vigia ${version}

Camera    ${plan.camera}
From      ${iso(fromMs)}
To        ${iso(toMs)}
Node      ${node}
Exported  ${iso(wallMs)}

All times are UTC, by the clock of the node. The clip begins at the keyframe before the time that was asked for.
${early}
${gapText(gaps)}
Files

clip.mp4    The footage as the camera sent it, not encoded again. A gap is a hole of its length.
clip.jsonl  One JSON per line: the facts of the clip, then the camera's events and what models and workers
            found in its pictures, in order of time.
${SUMS}  The SHA-256 checksums of the other files.

To check that the files are unchanged, unpack them, open a terminal in their folder, and run

  sha256sum -c ${SUMS}           on Linux
  shasum -a 256 -c ${SUMS}       on macOS
  Get-FileHash *                    in PowerShell on Windows; compare with ${SUMS}

A person who changes a file can also write its new checksum. Write down the checksums when you hand the export over,
and keep them in another place.
`;
}

function gapText(gaps: ClipFacts['gaps']): string {
  if (gaps.length === 0) return 'The recording has no gaps.\n';
  const lines = gaps.map(({ from_ms: from, to_ms: to, reason }) => {
    const until = to === null ? 'now' : iso(to);
    return `  ${iso(from)} to ${until}: ${REASONS[reason]} (${reason})\n`;
  });
  return `Gaps, in which nothing was recorded:\n\n${lines.join('')}`;
}
