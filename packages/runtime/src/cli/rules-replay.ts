import { printableJson, quoted, UsageError, VigiaError } from '@vigia/base';
import { type ResultMessage, resultMessageSchema } from '@vigia/contracts';
import { API } from '@vigia/contracts/api';
import { parseResultLine, ResultLines } from '#core/footage';
import { openOnNode } from '#services/control-client';
import { BedJudge, Replay, type ResultJudge, type Step, VisitJudge } from '#services/replay';
import { askJson } from './node-answers.ts';
import { configFile, moment, text, type Values } from './options.ts';
import { type CameraSettings, settingsOfCamera } from './rules-settings.ts';
import { BedTable, DAY_TIMES, type RulesTable, VisitTable } from './rules-tables.ts';
import { socketOf } from './which-node.ts';

const ANSWER_MS = 15_000;
/** The API gives at most a day and a bit at once. Milliseconds. */
const PART_MS = 12 * 3_600_000;

const print = (said: string): void => void process.stdout.write(`${said}\n`);

/** What a replay is of. */
interface Wanted {
  readonly settings: CameraSettings;
  readonly fromMs: number;
  readonly toMs: number;
  readonly json: boolean;
}

/** A rule, and how it is shown. */
interface Shown<News> {
  readonly judge: ResultJudge<News>;
  readonly table: RulesTable<News>;
}

/** `vigia rules replay`: what a rule with these zones would have said of stored results. */
export async function replayRules(values: Values): Promise<number> {
  const wanted = wantedOf(values);
  const socket = await socketOf(values, 'rules');
  const aspect = await aspectOf(socket, wanted.settings.camera, text(values, 'size'));
  const { bed, visits } = wanted.settings;
  if (bed) return play(socket, wanted, { judge: new BedJudge(aspect, bed), table: new BedTable(print, DAY_TIMES) });
  if (!visits) throw new VigiaError('internal', 'a rule without its settings');
  const judge = new VisitJudge(aspect, visits, wanted.fromMs);
  return play(socket, wanted, { judge, table: new VisitTable(print, DAY_TIMES) });
}

async function play<News>(socket: string, wanted: Wanted, { judge, table }: Shown<News>): Promise<number> {
  const { settings, fromMs, toMs, json } = wanted;
  const replay = new Replay(judge, fromMs);
  const show = (step: Step<News>): void => (json ? showJson(step, table) : showText(step, table));
  for await (const { atMs, detections } of resultsOf(socket, settings, fromMs, toMs))
    for (const step of replay.see(atMs, detections)) show(step);
  for (const step of replay.end(toMs)) show(step);
  if (json) return 0;
  const { results, gaps } = replay;
  const missing = gaps === 0 ? '' : `, ${gaps === 1 ? 'once' : `${gaps} times`} without results`;
  print(`${settings.camera}: ${results} results${missing}, ${table.summary}`);
  return 0;
}

function showText<News>(step: Step<News>, table: RulesTable<News>): void {
  if (step.kind === 'gap') print(`${DAY_TIMES.at(step.fromMs)}  no results until ${DAY_TIMES.short(step.toMs)}`);
  else table.add({ atMs: step.atMs, looks: 0, ...step.judged });
}

function showJson<News>(step: Step<News>, table: RulesTable<News>): void {
  if (step.kind === 'gap') {
    print(printableJson({ at_ms: Math.round(step.fromMs), no_results_until_ms: Math.round(step.toMs) }));
    return;
  }
  const line = table.json({ atMs: step.atMs, looks: 0, ...step.judged });
  if (step.hasResult || line.alarms.length > 0) print(printableJson(line));
}

/** Those of the consumer that the rule follows: what is not `ok` shows nothing. */
async function* resultsOf(
  socket: string,
  { camera, from: consumer }: CameraSettings,
  fromMs: number,
  toMs: number,
): AsyncGenerator<{ readonly atMs: number; readonly detections: NonNullable<ResultMessage['detections']> }> {
  for (let partMs = fromMs; partMs <= toMs; partMs += PART_MS) {
    // Both ends are included.
    const query = new URLSearchParams({ from: String(partMs), to: String(Math.min(toMs, partMs + PART_MS - 1)) });
    const path = `/api/v1/recordings/${camera}/results.jsonl?${query.toString()}`;
    const splitter = new ResultLines();
    for await (const chunk of await openOnNode(socket, path, ANSWER_MS))
      for (const line of splitter.push(chunk)) {
        const parsed = parseResultLine(line, camera);
        if (parsed?.result['consumer'] !== consumer) continue;
        const { data } = resultMessageSchema.safeParse(parsed.result);
        if (data?.detections) yield { atMs: parsed.atMs, detections: data.detections };
      }
  }
}

/** Width by height of the camera’s picture: results do not have it. @throws UsageError, VigiaError */
async function aspectOf(socket: string, camera: string, size: string | undefined): Promise<number> {
  if (size !== undefined) {
    const [, width, height] = /^(\d{2,5})x(\d{2,5})$/.exec(size) ?? [];
    if (width !== undefined && Number(height) > 0) return Number(width) / Number(height);
    throw new UsageError(`vigia rules replay: --size ${quoted(size, 20)}: a size is 1920x1080`);
  }
  const { cameras } = await askJson(API.report.answer, socket, '/api/v1/report', ANSWER_MS);
  const { width = 0, height = 0 } = cameras[camera]?.stream ?? {};
  if (width > 0 && height > 0) return width / height;
  throw new VigiaError(
    'unknown_size',
    `nobody knows the size of the pictures of camera ${camera} now: say it with --size`,
  );
}

/** @throws UsageError, and as `loadConfig`. */
function wantedOf(values: Values): Wanted {
  const rule = text(values, 'rule') ?? '(none)';
  if (rule !== 'bed' && rule !== 'visits')
    throw new UsageError(
      `vigia rules replay: --rule ${quoted(rule, 40)}: allowed are bed and visits; falls need pictures: export a clip, and use vigia rules test`,
    );
  const camera = text(values, 'camera');
  const settings = settingsOfCamera(configFile(values, 'rules'), camera, rule, 'replay');
  const fromMs = moment(values, 'from');
  const toMs = moment(values, 'to') ?? moment({ to: 'now' }, 'to');
  if (fromMs === undefined || toMs === undefined)
    throw new UsageError('vigia rules replay: --from is missing, such as "yesterday 22:00" or 1h');
  if (fromMs >= toMs) throw new UsageError('vigia rules replay: --from must be before --to');
  return { settings, fromMs, toMs, json: values['json'] === true };
}
