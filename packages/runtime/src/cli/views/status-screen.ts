import type {
  CameraReport,
  CameraStatus,
  ConsumerReport,
  ModelReport,
  NodeStatus,
  RecordingStatus,
} from '@vigia/contracts';
import { counted, fit, formatBytes, formatElapsed, type Palette, wrap } from '#core/terminal';
import { agesText, colourOf, consumerState, durationText, nonZero, rateText, streamText } from './cells.ts';

const NAME = { least: 20, most: 40 };
const STATE = 12;
const RATE = 7;
const AGE = 9;
/** Everything between the name and the last column, with a gap. */
const NUMBERS = STATE + RATE + 2 * AGE + 2;
/** Least width of the last column. */
const LAST = 20;
const INDENT = 4;
const WIDEST = 132;
/** Of a span of footage, milliseconds. */
const SMALLEST = [60_000, 'minute'] as const;
const UNITS = [[86_400_000, 'day'], [3_600_000, 'hour'], SMALLEST] as const;

/** Colours and widths of one screen. */
interface Layout extends Palette {
  readonly width: number;
  readonly name: number;
}

/** A text in its colour; empty: none. */
type Text = readonly [colour: string, text: string];

/**
 * A node on one screen: problems first, then cameras with their consumers, models, workers.
 *
 * @param columns Of the terminal; lines are at most so long, and at least 80.
 * @returns lines.
 */
export function statusScreen(status: NodeStatus, palette: Palette, columns: number): string[] {
  const width = Math.min(WIDEST, Math.max(80, columns));
  const layout = { ...palette, width, name: nameWidth(status, width) };
  return [
    ...head(status, layout),
    ...problems(status, layout),
    ...alarms(status, layout),
    ...cameras(status, layout),
    ...models(status, layout),
    ...workers(status, layout),
  ];
}

function nameWidth({ cameras: all, models: known }: NodeStatus, width: number): number {
  const names = [...Object.keys(all), ...Object.keys(known), ...Object.values(all).flatMap(consumerNames)];
  const longest = Math.max(0, ...names.map((name) => name.length)) + 1;
  return Math.max(NAME.least, Math.min(longest, NAME.most, width - NUMBERS - LAST));
}

function consumerNames({ report }: CameraStatus): string[] {
  return Object.entries(report.consumers).map(([name, consumer]) => consumerName(name, consumer));
}

function head(status: NodeStatus, { bold, dim, reset, width }: Layout): string[] {
  const facts = [
    `vigia ${status.vigia}`,
    `up ${formatElapsed(status.up_ms)}`,
    `MQTT ${status.mqtt}`,
    `shared memory ${formatBytes(status.shm_bytes)}`,
  ].join(' · ');
  const name = fit(status.node, Math.min(status.node.length, 40));
  if (name.length + 2 + facts.length <= width) return [`${bold}${name}${reset}  ${dim}${facts}${reset}`];
  return [`${bold}${name}${reset}`, ...wrap(facts, width).map((line) => `${dim}${line}${reset}`)];
}

function problems(status: NodeStatus, layout: Layout): string[] {
  const { red, green, yellow, bold, reset } = layout;
  const all = Object.values(status.cameras);
  const live = all.filter(({ report }) => report.state === 'live').length;
  const seeing = `${live === all.length ? green : yellow}${live} of ${counted(all.length, 'camera')} live${reset}`;
  if (status.problems.length === 0) return ['', `${green}health ok${reset} · ${seeing}`];
  const notes = status.problems.map(({ message }): Text => [red, message]);
  return [
    '',
    `${bold}${red}${counted(status.problems.length, 'problem')}${reset} · ${seeing}`,
    ...notesOf(notes, layout, 2),
  ];
}

/** Those that nobody has acknowledged are loud. */
function alarms(status: NodeStatus, layout: Layout): string[] {
  if (status.alarms.length === 0) return [];
  const { red, yellow, bold, reset } = layout;
  const isLoud = status.alarms.some(({ acknowledged }) => !acknowledged);
  const notes = status.alarms.map(({ message, since_ms: ms, event, acknowledged }): Text => {
    const what = acknowledged ? `acknowledged by ${acknowledged.by}` : `vigia acknowledge ${event}`;
    return [acknowledged ? yellow : red, `${message}, ${formatElapsed(ms)} ago · ${what}`];
  });
  const heading = `${bold}${isLoud ? red : yellow}${counted(status.alarms.length, 'open alarm')}${reset}`;
  return ['', heading, ...notesOf(notes, layout, 2)];
}

function cameras(status: NodeStatus, layout: Layout): string[] {
  const above = title(layout, 'CAMERA', ['RATE/S', 'AGE p50', 'p99'], 'STREAM, SEES');
  const lines = Object.entries(status.cameras).flatMap(([id, camera]) => cameraAndConsumers(id, camera, layout));
  return [...above, ...(lines.length > 0 ? lines : ['none'])];
}

function cameraAndConsumers(id: string, camera: CameraStatus, layout: Layout): string[] {
  const consumers = Object.entries(camera.report.consumers).flatMap(([name, consumer]) =>
    consumerLines(name, consumer, camera, layout),
  );
  return [...cameraLines(id, camera, layout), ...consumers];
}

function cameraLines(id: string, { report, message, recording }: CameraStatus, layout: Layout): string[] {
  const live = report.state === 'live';
  const interval = live ? report.stream?.interval_ms : undefined;
  const rate = rateText(interval ? 1000 / interval : undefined);
  const line = row(
    layout,
    [layout.bold, id],
    stateText(report.state, layout),
    [rate, '', ''],
    ['', live ? streamText(report) : ''],
  );
  const why = live ? '' : (message ?? report.reason ?? '');
  const notes = [[layout.yellow, why] as const, recordingNote(recording, layout), ...cameraNotes(report, layout)];
  return [line, ...notesOf(notes, layout)];
}

function recordingNote(recording: RecordingStatus | undefined, { dim, yellow }: Layout): Text {
  if (!recording) return [dim, ''];
  const { state, reason, message, bytes, lost_ms: lostMs, kept_ms: keptMs, room_ms: roomMs } = recording;
  const why = message ?? reason ?? '';
  const lost = lostMs < 500 ? '' : `, lost ${formatElapsed(lostMs)}`;
  const done = `${formatBytes(bytes)}${lost}`;
  if (state === 'paused') return [yellow, `recording paused: ${why} (${done})`];
  const words = { recording: 'recording', ready: 'records on events', waiting: 'waits to record' };
  const room = roomMs === null ? '' : `, room for about ${spanText(roomMs)}`;
  const kept = keptMs === null || keptMs < SMALLEST[0] ? '' : `; footage of ${spanText(keptMs)}${room}`;
  return [dim, `${words[state]}: ${done}${kept}`];
}

/** In the largest unit of which there is one: `6 days`, `1.5 hours`. */
function spanText(ms: number): string {
  const [least, name] = UNITS.find(([unitMs]) => ms >= unitMs) ?? SMALLEST;
  const n = ms / least;
  return counted(n < 10 ? Math.floor(n * 10) / 10 : Math.floor(n), name);
}

function cameraNotes(report: CameraReport, { dim, yellow }: Layout): Text[] {
  const { no_demand, undecodable, late } = report.skipped;
  const lost = nonZero({ undecodable, late, 'in the inbox': report.inbox_drops, 'without demand': no_demand });
  const network = nonZero({
    reconnects: report.reconnects,
    restarts: report.restarts,
    'packets lost': report.lost_packets,
    concealed: report.concealed,
  });
  const { main } = report;
  return [
    [dim, lost && `dropped: ${lost}`],
    [dim, network],
    [
      yellow,
      main && main.state !== 'live' ? `large stream ${main.state}${main.reason ? ` (${main.reason})` : ''}` : '',
    ],
  ];
}

function consumerLines(
  name: string,
  report: ConsumerReport,
  { report: camera, answers }: CameraStatus,
  layout: Layout,
): string[] {
  const recent = answers[name];
  const numbers = [rateText(recent?.per_s), ...agesText(recent)];
  const sees: Text = [layout.cyan, recent?.sees ?? '–'];
  const line = row(
    layout,
    ['', consumerName(name, report)],
    stateText(consumerState(camera, report), layout),
    numbers,
    sees,
  );
  return [line, ...notesOf(consumerNotes(report, layout), layout)];
}

function consumerNotes({ reason, slowed, dropped, results }: ConsumerReport, { red, yellow, dim }: Layout): Text[] {
  const { ok: _, ...failed } = results;
  const { gated, overwritten, stale, closed } = dropped;
  const lost = nonZero({
    'gated (more than its fps)': gated,
    'overwritten (a newer one came first)': overwritten,
    'stale (too old)': stale,
    closed,
  });
  const none = nonZero(failed);
  return [
    [red, reason ?? ''],
    [yellow, slowed ? `slowed to ${rateText(slowed.fps)}/s: ${slowed.reason}` : ''],
    [dim, lost && `dropped: ${lost}`],
    [dim, none && `no result: ${none}`],
  ];
}

function models(status: NodeStatus, layout: Layout): string[] {
  const all = Object.entries(status.models);
  if (all.length === 0) return [];
  return [
    ...title(layout, 'MODEL', ['RUNS', 'RUN p50', 'p99'], 'RESTARTS'),
    ...all.flatMap(([id, model]) => modelLines(id, model, layout)),
  ];
}

function modelLines(id: string, model: ModelReport, layout: Layout): string[] {
  const { p50, p99 } = model.inference_ms;
  const numbers = [String(model.batches), durationText(p50), durationText(p99)];
  const line = row(layout, ['', id], stateText(model.state, layout), numbers, ['', String(model.restarts)]);
  return [line, ...notesOf([[layout.red, model.reason ?? '']], layout)];
}

function workers(status: NodeStatus, layout: Layout): string[] {
  const lines = Object.entries(status.cameras).flatMap(([camera, { report }]) =>
    Object.entries(report.consumers).flatMap(([name, consumer]) => workerLines(`${camera}/${name}`, consumer, layout)),
  );
  return lines.length === 0 ? [] : [...title(layout, 'WORKER', ['PID', 'RESTARTS', ''], 'PROGRAM'), ...lines];
}

function workerLines(key: string, { process, worker, state, restarts }: ConsumerReport, layout: Layout): string[] {
  if (!process) return [];
  const numbers = [process.pid === null ? '–' : String(process.pid), String(restarts), ''];
  const line = row(layout, ['', key], stateText(state, layout), numbers, ['', worker ?? '']);
  const exit = process.last_exit;
  return [line, ...notesOf([[layout.dim, exit ? `last end: ${exit.at} ${exit.reason}` : '']], layout)];
}

/** Name, state, three numbers and a text, in columns. */
function row(layout: Layout, name: Text, state: Text, numbers: readonly string[], last: Text): string {
  const [rate = '', low = '', high = ''] = numbers;
  const cells = `${fit(rate, RATE, 'right')}${fit(low, AGE, 'right')}${fit(high, AGE, 'right')}`;
  const end = fit(last[1], layout.width - layout.name - NUMBERS).trimEnd();
  const line = `${paint(name, layout, layout.name)}${paint(state, layout, STATE)}${cells}`;
  return end === '' ? line.trimEnd() : `${line}  ${paint([last[0], end], layout, 0)}`;
}

function title(layout: Layout, name: string, numbers: readonly string[], last: string): string[] {
  const plain = row({ ...layout, reset: '' }, ['', name], ['', 'STATE'], numbers, ['', last]);
  return ['', paint([layout.dim, plain], layout, 0)];
}

/** @param width Cuts or pads the text to it; 0 leaves it. */
function paint([colour, text]: Text, { reset }: Layout, width: number): string {
  const fitted = width === 0 ? text : fit(text, width);
  return colour === '' ? fitted : `${colour}${fitted}${reset}`;
}

function stateText(state: string, layout: Layout): Text {
  return [colourOf(state, layout), state];
}

/** Texts that are not empty, broken into lines. */
function notesOf(notes: readonly Text[], { width, reset }: Layout, indent = INDENT): string[] {
  return notes.flatMap(([colour, text]) =>
    text === '' ? [] : wrap(text, width - indent).map((line) => `${' '.repeat(indent)}${colour}${line}${reset}`),
  );
}

function consumerName(name: string, { model, worker }: ConsumerReport): string {
  return `  ${name} (${model ?? worker ?? ''})`;
}
