/**
 * Players that are not ours play recordings over HTTP, across gaps: hls.js in Chromium, GStreamer, ffmpeg. Each picture of the
 * cameras has a number painted into it, so it shows which ones a player decoded.
 */
import { randomInt } from 'node:crypto';
import { seededRandom32 } from '@vigia/testkit';
import { ms, quantile } from '../support/numbers.ts';
import type { Table } from '../support/table.ts';
import { BrowserPlayer, type Played } from './recordings/players/browser.ts';
import { type ClipsVerdict, judgeClips, spoiltClip } from './recordings/players/clip-rounds.ts';
import { longestGroup } from './recordings/players/footage.ts';
import { Front } from './recordings/players/front.ts';
import { playWithGStreamer } from './recordings/players/gstreamer.ts';
import {
  judgeBrowser,
  judgeGStreamer,
  judgeSeeks,
  type PlayerVerdict,
  type SeekVerdict,
} from './recordings/players/judge.ts';
import { type Part, partsIn, withoutLastPart } from './recordings/players/playlist.ts';
import {
  type PlayersCase,
  readBack,
  record,
  type Recording,
  startCameras,
  startNode,
  temporaryFolder,
} from './recordings/players/setting.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

/** Overrides the random seed. */
const SEED_VARIABLE = 'VIGIA_SOAK_SEED';
const LONG = { phases: [75, 5, 20, 20, 15], clips: 200, seeks: 20, rate: 4 };
const SHORT = { phases: [6.5, 1.5, 3], clips: 10, seeks: 4, rate: 8 };
/** Time limit for one playlist. */
const PLAY_MS = 60_000;
/**
 * With sound, some gaps leave a hole in the buffered pictures that sound does not have. Chromium plays the sound on, and notices that
 * pictures are missing after 3 s; hls.js then goes over the hole. What is behind a gap must last longer than that when played this fast.
 */
const SHORT_RATE_WITH_SOUND = 1;
const SEEK_MS = 20_000;
/** Near the ends of a stretch pictures may be missing: a connection that is cut takes B-frames with it. Seconds. */
const EDGE_S = 0.4;
/** What decides how a playlist is played: two implementations of HLS. */
const GSTREAMER = { uridecodebin: 'hlsdemux', uridecodebin3: 'hlsdemux2' } as const;

const SOURCES = ['uridecodebin', 'uridecodebin3'] as const;

const CASES: readonly PlayersCase[] = [
  { id: 'h264-b-aac', clip: { fps: 15, bFrames: 2, aac: true } },
  { id: 'h264', clip: { fps: 15 } },
  { id: 'h265-b', clip: { codec: 'h265', fps: 15, bFrames: 2 } },
];

/** What the rows of one camera need. */
interface Stage {
  readonly run: SoakRun;
  readonly node: string;
  readonly front: Front;
  readonly size: typeof LONG;
  readonly random: () => number;
}

/** A row of the table of players, and what is wrong. */
interface Row {
  readonly cells: readonly string[];
  readonly wrong: readonly string[];
}

function rowOf(
  { footage }: Recording,
  player: string,
  parts: readonly Part[],
  { recorded, decoded, sound, wrong }: PlayerVerdict,
  more: readonly (string | number)[] = ['–', '–', '–'],
): Row {
  const counts = [parts.length, footage.gaps.length, recorded, decoded];
  const cells = [footage.id, player, ...counts, sound, ...more].map(String);
  return {
    cells: [...cells, wrong.length === 0 ? 'held' : 'NOT'],
    wrong: wrong.map((text) => `${footage.id}, ${player}: ${text}`),
  };
}

async function partsOf({ run, node }: Stage, { path }: Recording): Promise<Part[]> {
  const answer = await fetch(node + path('playlist.m3u8'), { signal: run.signal });
  return partsIn(await answer.text());
}

async function inGStreamer(stage: Stage, recording: Recording, source: keyof typeof GSTREAMER): Promise<Row> {
  const { run, node } = stage;
  run.progress(`${recording.one.id} in GStreamer, ${GSTREAMER[source]}`);
  const decoded = await playWithGStreamer(run, node + recording.path('playlist.m3u8'), source, PLAY_MS / 1000);
  const verdict = judgeGStreamer(recording.footage, decoded);
  const isIt = decoded.elements.includes(GSTREAMER[source]);
  const wrong = [...verdict.wrong, ...(isIt ? [] : [`it was not played by ${GSTREAMER[source]}`])];
  return rowOf(recording, `${decoded.version}, ${GSTREAMER[source]}`, await partsOf(stage, recording), {
    ...verdict,
    wrong,
  });
}

/** Goes behind the last gap and before it, by turns. */
async function seeks(stage: Stage, player: BrowserPlayer, recording: Recording, played: Played): Promise<SeekVerdict> {
  const starts = played.fragments.filter(({ cc }, i, all) => cc !== all[i - 1]?.cc).map(({ start }) => start);
  const [beforeS = 0, behindS = 0] = starts.slice(-2);
  const { frameMs, pictures } = recording.footage;
  // With sound the pictures up to the second keyframe may be left out: see `mayLack`.
  const groupS = recording.one.clip.aac ? (longestGroup(pictures) * frameMs) / 1000 : 0;
  const soughts = [];
  for (let i = 0; i < stage.size.seeks; i += 1) {
    const [from, to] = i % 2 === 0 ? [behindS + groupS, played.duration] : [beforeS + groupS, behindS];
    const wanted = from + EDGE_S + (to - from - 2 * EDGE_S) * stage.random();
    soughts.push({ wanted, ...(await player.seek(wanted, SEEK_MS)) });
  }
  return judgeSeeks(recording.footage, played, soughts, recording.camera.camera.clip.reorderTicks / 90);
}

async function inBrowser(stage: Stage, player: BrowserPlayer, recording: Recording): Promise<Row & { played: Played }> {
  const { run, front, size } = stage;
  run.progress(`${recording.one.id} in Chromium`);
  const rate = run.short && recording.one.clip.aac ? SHORT_RATE_WITH_SOUND : size.rate;
  const played = await player.play(front.url + recording.path('playlist.m3u8'), rate, PLAY_MS);
  const parts = await partsOf(stage, recording);
  const verdict = judgeBrowser(recording.footage, parts, played);
  const { errorsMs, wrong: wrongSeeks } = await seeks(stage, player, recording, played);
  const wrong = [...verdict.wrong, ...wrongSeeks, ...player.complaints.splice(0), ...front.refused.splice(0)];
  const name = `hls.js ${played.version}, Chromium ${player.version.split('.')[0]}`;
  const more = [
    new Set(played.pictures.map(({ mediaTime }) => mediaTime)).size,
    errorsMs.length,
    ms(quantile(errorsMs, 1)),
  ];
  return { ...rowOf(recording, name, parts, { ...verdict, wrong }, more), played };
}

/** The last part is not in the playlist: players do not complain, and the judge must. */
async function withheldPart(stage: Stage, player: BrowserPlayer, recording: Recording): Promise<string[]> {
  const { run, front, size } = stage;
  const url = front.url + recording.path('playlist.m3u8');
  run.progress('controls');
  const spoil = (body: Buffer, path: string): Buffer =>
    path.includes('playlist.m3u8') ? Buffer.from(withoutLastPart(body.toString())) : body;
  const parts = await partsOf(stage, recording);
  const judged = await front.spoilt(spoil, async () => [
    judgeBrowser(recording.footage, parts, await player.play(url, size.rate, PLAY_MS)),
    judgeGStreamer(recording.footage, await playWithGStreamer(run, url, 'uridecodebin', PLAY_MS / 1000)),
  ]);
  return judged.flatMap(({ wrong }, i) => {
    const lacks = wrong.some((text) => text.endsWith('pictures were decoded'));
    return lacks ? [] : [`control: a part that is withheld was not noticed in ${i === 0 ? 'Chromium' : 'GStreamer'}`];
  });
}

/** All of the recording is two frames later: the judge of dates must see it. */
async function movedDates(
  stage: Stage,
  player: BrowserPlayer,
  recording: Recording,
  played: Played,
): Promise<string[]> {
  const { footage, camera } = recording;
  const laterMs = 2 * footage.frameMs + (2 * camera.camera.clip.reorderTicks) / 90;
  const pictures = footage.pictures.map((picture) => ({ ...picture, wallMs: picture.wallMs + laterMs }));
  const { wrong } = await seeks(stage, player, { ...recording, footage: { ...footage, pictures } }, played);
  return wrong.some((text) => text.endsWith('from its date')) ? [] : ['control: other dates were not noticed'];
}

/** One camera after the other: a browser plays in real time. */
async function browserRows(stage: Stage, player: BrowserPlayer, recordings: readonly Recording[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const recording of recordings.filter(({ one }) => one.clip.codec !== 'h265')) {
    const row = await inBrowser(stage, player, recording);
    rows.push(row);
    // There every picture must be decoded: see `mayLack`.
    if (recording.one.clip.aac) continue;
    const controls = await movedDates(stage, player, recording, row.played);
    rows.push({ cells: [], wrong: [...controls, ...(await withheldPart(stage, player, recording))] });
  }
  return rows;
}

async function otherRows(stage: Stage, recordings: readonly Recording[]): Promise<{ rows: Row[]; clips: Row[] }> {
  const [rows, clips]: [Row[], Row[]] = [[], []];
  for (const recording of recordings) {
    const sources = stage.run.short && !recording.one.clip.aac ? SOURCES.slice(-1) : SOURCES;
    for (const source of sources) rows.push(await inGStreamer(stage, recording, source));
    if (!recording.one.clip.bFrames) continue;
    stage.run.progress(`${recording.one.id}: ${stage.size.clips} clips`);
    clips.push(clipRow(recording, await judgeClips(stage.run, stage.node, recording, stage.size.clips, stage.random)));
  }
  return { rows, clips };
}

function clipRow({ one }: Recording, { clips, requests, pictures, acrossGaps, wrong }: ClipsVerdict): Row {
  const cells = [one.id, clips, acrossGaps, requests, pictures].map(String);
  return { cells: [...cells, wrong.length === 0 ? 'held' : 'NOT'], wrong };
}

function tables(players: readonly Row[], clips: readonly Row[], size: typeof LONG): Table[] {
  const columns = [
    'parts',
    'gaps',
    'recorded',
    'decoded',
    'sound',
    'shown',
    'seeks',
    'date wrong by, most, ms',
    'verdict',
  ];
  return [
    {
      title: `Playlists of cameras that were there and away for ${size.phases.join(', ')} s`,
      columns: ['camera', 'player', ...columns],
      rows: players.map(({ cells }) => cells).filter(({ length }) => length > 0),
      notes: [
        `recorded, decoded: pictures. GStreamer decodes as fast as it can; the browser plays ${size.rate} times as fast (short form, with sound: ${SHORT_RATE_WITH_SOUND}), and shows what it can`,
        'date: of the picture that is shown after a seek, by EXT-X-PROGRAM-DATE-TIME, against its capture. With B-frames hls.js is late by their depth until the first gap',
      ],
    },
    {
      title: 'Clips of random ranges, every other one in random pieces',
      columns: ['camera', 'clips', 'across a gap', 'requests', 'pictures compared', 'verdict'],
      rows: clips.map(({ cells }) => cells),
      notes: ['pictures compared: MD5 of what ffmpeg decodes, with the same of the camera’s own file, and their times'],
    },
  ];
}

await runSoak('recording-players', async (run): Promise<SoakResult> => {
  const seed = Number(process.env[SEED_VARIABLE] ?? randomInt(2 ** 31));
  run.progress(`seed ${seed} (${SEED_VARIABLE} sets it)`);
  const random32 = seededRandom32(seed);
  const size = run.short ? SHORT : LONG;
  const dir = temporaryFolder(run);
  const cases = CASES.filter(({ id }) => run.only.length === 0 || run.only.some((part) => id.includes(part)));
  const cameras = await startCameras(run, dir, cases);
  const started = await startNode(run, dir, cameras);
  const front = await Front.start(run, started.url);
  const [player] = await Promise.all([
    BrowserPlayer.start(run, `${front.url}/`),
    record(run, started, cameras, size.phases),
  ]);
  const recordings = await readBack(started.footage, cases, cameras);
  const stage = { run, node: started.url, front, size, random: () => random32() / 2 ** 32 };
  // Clips and GStreamer leave the front alone, so that nothing spoils them.
  const [browser, other] = await Promise.all([browserRows(stage, player, recordings), otherRows(stage, recordings)]);
  const controls = await spoiltClip(run, front, recordings[0] as Recording);
  const rows = [...browser, ...other.rows];
  return {
    tables: tables(rows, other.clips, size),
    failures: [...[...rows, ...other.clips].flatMap(({ wrong }) => wrong), ...controls],
  };
});
