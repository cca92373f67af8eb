import { existsSync, statSync, writeFileSync } from 'node:fs';
import { basename, extname, join, resolve } from 'node:path';
import { codeOf, printableJson, quoted, UsageError, VigiaError, makeFoldersSync } from '@vigia/base';
import { type CameraConfig, durationMs, type ZoneConfig } from '@vigia/contracts';
import { loadConfig } from '#node/config';
import {
  BED_PALETTE,
  BedJudge,
  type BedSettings,
  FALL_PALETTE,
  FallJudge,
  type Judge,
  type Moment,
  type Palette,
  rehearse,
  Sheet,
} from '#rehearsal';
import { text, type Values } from './options.ts';
import { BedTable, FallTable, type RulesTable } from './rules-tables.ts';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** Progress is shown so often, milliseconds of the clip. */
const PROGRESS_MS = 5_000;
/** Results a second that may be asked for. */
const FPS = { default: 5, least: 1, most: 30 };

const RULES = ['fall', 'bed'] as const;
type Rule = (typeof RULES)[number];

/** What a clip is judged with. */
interface Settings {
  readonly model: string;
  readonly fps: number;
  readonly zones: readonly ZoneConfig[];
  readonly longLieMs: number | undefined;
  /** Undefined: there is none. */
  readonly bed: BedSettings | undefined;
}

/** A rule that is rehearsed, and how it is shown. */
interface Rehearsal<News> {
  readonly rule: Rule;
  readonly judgeOf: (aspect: number) => Judge<News>;
  readonly table: RulesTable<News>;
  readonly palette: Palette;
}

/** Where a rehearsal goes. */
interface Outputs {
  readonly dir: string | undefined;
  readonly json: boolean;
}

/** `vigia rules test`: what a rule would say of a clip. */
export async function rulesCommand(values: Values, [what = '']: readonly string[]): Promise<number> {
  if (what !== 'test') throw new UsageError(`vigia rules: found "${quoted(what, 40)}", allowed is test`);
  const rule = ruleOf(text(values, 'rule') ?? 'fall');
  const clip = clipOf(values);
  const settings = settingsOf(values, rule);
  const outputs = { dir: outOf(text(values, 'out')), json: values['json'] === true };
  const abort = new AbortController();
  const onSignal = (): void => abort.abort(new VigiaError('aborted', 'vigia rules test was stopped'));
  for (const signal of STOP_SIGNALS) process.once(signal, onSignal);
  try {
    const line = (said: string): void => void process.stdout.write(`${said}\n`);
    const { bed } = settings;
    if (bed) {
      const judgeOf = (aspect: number): BedJudge => new BedJudge(aspect, bed);
      const table = new BedTable(line);
      return await test(clip, settings, { rule, judgeOf, table, palette: BED_PALETTE }, outputs, abort.signal);
    }
    let judge: FallJudge | undefined;
    const judgeOf = (aspect: number): FallJudge => {
      judge = new FallJudge(aspect, { ...settings, firstPerson: judge?.nextPerson ?? 1 });
      return judge;
    };
    const table = new FallTable(line);
    return await test(clip, settings, { rule, judgeOf, table, palette: FALL_PALETTE }, outputs, abort.signal);
  } finally {
    for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
  }
}

async function test<News>(
  file: string,
  settings: Settings,
  { rule, judgeOf, table, palette }: Rehearsal<News>,
  { dir, json }: Outputs,
  signal: AbortSignal,
): Promise<number> {
  const sheet = new Sheet(settings.zones, palette);
  const states: object[] = [];
  let shownMs = 0;
  const onMoment = async (moment: Moment<News>, picture: Parameters<Sheet['add']>[1]): Promise<void> => {
    sheet.add(moment, picture);
    const line = table.json(moment);
    if (dir !== undefined) states.push(line);
    if (json) process.stdout.write(`${printableJson(line)}\n`);
    else table.add(moment);
    if (!process.stderr.isTTY || moment.atMs - shownMs < PROGRESS_MS) return;
    shownMs = moment.atMs;
    process.stderr.write(`\r${(moment.atMs / 1000).toFixed(0)} s `);
  };
  try {
    const done = await rehearse({ ...settings, file, judgeOf, signal, onMoment });
    const looks = rule === 'fall' ? `${done.looks} second looks, ` : '';
    const clip = `${quoted(basename(file))}: ${(done.clipMs / 1000).toFixed(1)} s, ${done.results} results, ${looks}${table.summary}`;
    if (!json) process.stdout.write(`${clip}\n`);
    if (dir === undefined) return 0;
    const base = join(dir, `${basename(file, extname(file))}-${rule}`);
    writeFileSync(`${base}.jpg`, await sheet.jpeg(clip), { mode: 0o640 });
    writeFileSync(`${base}.jsonl`, states.map((one) => `${printableJson(one)}\n`).join(''), { mode: 0o640 });
    if (!json) process.stdout.write(`${quoted(base)}.jpg: what was seen when\n${quoted(base)}.jsonl: each result\n`);
    return 0;
  } finally {
    sheet.close();
  }
}

/** @throws UsageError */
function ruleOf(found: string): Rule {
  const rule = RULES.find((one) => one === found);
  if (rule) return rule;
  throw new UsageError(`vigia rules test: --rule ${quoted(found, 40)}: allowed are ${RULES.join(' and ')}`);
}

/** @throws UsageError */
function clipOf(values: Values): string {
  const clip = text(values, 'clip');
  if (clip === undefined) throw new UsageError('vigia rules test: --clip is missing: a video file');
  const file = resolve(clip);
  if (!existsSync(file) || !statSync(file).isFile() || file.endsWith('?loop'))
    throw new UsageError(`vigia rules test: --clip ${quoted(clip)} is no file`);
  return file;
}

/** @throws UsageError */
function outOf(dir: string | undefined): string | undefined {
  if (dir === undefined) return undefined;
  try {
    makeFoldersSync(dir, 0o777);
    return dir;
  } catch (error) {
    throw new UsageError(`vigia rules test: --out ${quoted(dir)} cannot be made (${codeOf(error)})`, { cause: error });
  }
}

/** Those of a camera of a configuration, or a room without zones. @throws UsageError, and as `loadConfig`. */
function settingsOf(values: Values, rule: Rule): Settings {
  const fpsText = text(values, 'fps');
  const fps = fpsText === undefined ? undefined : Number(fpsText);
  if (fps !== undefined && !(fps >= FPS.least && fps <= FPS.most))
    throw new UsageError(
      `vigia rules test: --fps ${quoted(fpsText ?? '', 20)}: ${FPS.least} to ${FPS.most} are allowed`,
    );
  const model = text(values, 'model');
  const file = text(values, 'config');
  const camera = text(values, 'camera');
  if (file === undefined) {
    if (camera !== undefined) throw new UsageError('vigia rules test: --camera needs --config FILE');
    if (rule === 'bed')
      throw new UsageError('vigia rules test: --rule bed needs --config FILE: only a zone shows where the bed is');
    const zones: ZoneConfig[] = [];
    return {
      model: model ?? 'ssdlite-mobilenet-v2',
      fps: fps ?? FPS.default,
      zones,
      longLieMs: undefined,
      bed: undefined,
    };
  }
  return {
    ...settingsOfCamera(file, camera, rule),
    ...(model !== undefined && { model }),
    ...(fps !== undefined && { fps }),
  };
}

function settingsOfCamera(file: string, camera: string | undefined, kind: Rule): Settings {
  const { cameras, models } = loadConfig(file);
  const watched = Object.keys(cameras).filter((id) => cameras[id]?.rules?.[kind]);
  const id = camera ?? (watched.length === 1 ? watched[0] : undefined);
  const of = id === undefined || !Object.hasOwn(cameras, id) ? undefined : cameras[id];
  const rule = of?.rules?.[kind];
  if (!of || !rule) {
    const allowed = watched.length > 0 ? `allowed are ${watched.join(', ')}` : `no camera of it has \`rules.${kind}\``;
    const found = camera === undefined ? '--camera is missing' : `--camera ${quoted(camera, 63)} has no ${kind} rule`;
    throw new UsageError(`vigia rules test: ${found}; ${allowed}`);
  }
  const consumer = of.consumers[rule.from];
  const use = models[consumer?.model ?? '']?.use;
  if (use === undefined)
    throw new UsageError(
      `vigia rules test: camera ${id} follows a model that somebody else starts: choose one with --model`,
    );
  const lie = of.rules?.fall?.long_lie ?? 'off';
  return {
    model: use,
    fps: consumer?.fps ?? FPS.default,
    zones: Object.values(of.zones),
    longLieMs: lie === 'off' ? undefined : durationMs(lie),
    bed: kind === 'bed' ? bedOf(of) : undefined,
  };
}

function bedOf({ rules, zones }: CameraConfig): BedSettings | undefined {
  const rule = rules?.bed;
  const points = rule && zones[rule.zone]?.points;
  if (!rule || !points) return undefined;
  const { zone, alarm, away } = rule;
  return { name: zone, bed: points, zones: Object.values(zones), alarm, awayMs: durationMs(away) };
}
