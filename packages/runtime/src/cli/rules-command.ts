import { existsSync, statSync, writeFileSync } from 'node:fs';
import { basename, extname, join, resolve } from 'node:path';
import { codeOf, printableJson, quoted, UsageError, VigiaError, makeFoldersSync } from '@vigia/base';
import type { ZoneConfig } from '@vigia/contracts';
import { BED_PALETTE, FALL_PALETTE, type Moment, type Palette, rehearse, Sheet, VISIT_PALETTE } from '#rehearsal';
import { BedJudge, FallJudge, type Judge, VisitJudge } from '#services/replay';
import { text, type Values } from './options.ts';
import { type Rule, RULES, type Settings, settingsOfCamera, USUAL_FPS } from './rules-settings.ts';
import { BedTable, FallTable, type RulesTable, VisitTable } from './rules-tables.ts';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** Progress is shown so often, milliseconds of the clip. */
const PROGRESS_MS = 5_000;
/** Results a second that may be asked for. */
const FPS = { least: 1, most: 30 };

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
  if (what === 'replay') return (await import('./rules-replay.ts')).replayRules(values);
  if (what !== 'test') throw new UsageError(`vigia rules: found "${quoted(what, 40)}"; allowed are test and replay`);
  const rule = ruleOf(text(values, 'rule') ?? 'fall');
  const clip = clipOf(values);
  const settings = settingsOf(values, rule);
  const outputs = { dir: outOf(text(values, 'out')), json: values['json'] === true };
  const abort = new AbortController();
  const onSignal = (): void => abort.abort(new VigiaError('aborted', 'vigia rules test was stopped'));
  for (const signal of STOP_SIGNALS) process.once(signal, onSignal);
  try {
    const line = (said: string): void => void process.stdout.write(`${said}\n`);
    const { bed, visits } = settings;
    if (visits) {
      const judgeOf = (aspect: number): VisitJudge => new VisitJudge(aspect, visits);
      const table = new VisitTable(line);
      return await test(clip, settings, { rule, judgeOf, table, palette: VISIT_PALETTE }, outputs, abort.signal);
    }
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
  throw new UsageError(`vigia rules test: --rule ${quoted(found, 40)}: allowed are ${RULES.join(', ')}`);
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
    if (rule !== 'fall')
      throw new UsageError(`vigia rules test: --rule ${rule} needs --config FILE: its zones show where to look`);
    const zones: ZoneConfig[] = [];
    return {
      model: model ?? 'ssdlite-mobilenet-v2',
      fps: fps ?? USUAL_FPS,
      zones,
      longLieMs: undefined,
      bed: undefined,
      visits: undefined,
    };
  }
  return {
    ...settingsOfCamera(file, camera, rule, 'test'),
    ...(model !== undefined && { model }),
    ...(fps !== undefined && { fps }),
  };
}
