// Over 500 lines: everything that the page may claim about a camera is decided in one place.
import type {
  AlarmOutcome,
  CameraStatus,
  NodeEvent,
  NodeStatus,
  ResultMessage,
  SummaryMessage,
} from '@vigia/contracts';
import { type Alarm, Alarms } from './alarms.ts';
import { Heard, Trace, type TraceView } from './answer-trace.ts';
import { type ConsumerView, consumersOf, essentialConsumers, isRunning, technicalOf } from './consumers.ts';
import { type Figures, figuresOf } from './figures.ts';
import { inOrder } from './layout.ts';
import { type Overlay, overlayOf } from './overlay.ts';
import type { PictureHeader } from './picture-message.ts';
import { ServerClock } from './server-clock.ts';

/** Nobody is there when no picture of so long shows somebody. Milliseconds. */
const SEEN_MS = 1000;
/** An older picture, or answer, is not current. */
export const LIVE_MS = 2000;
/** An older picture is not shown. */
export const GONE_MS = 60_000;
/** A camera that was not seen properly stays in that group for so long, so that tiles do not jump to and fro. */
const CALM_MS = 10_000;
/** Results that wait for their picture, per camera: 4 consumers × 5 a second × 2 s. */
const RECENT_LIMIT = 40;
const CAMERAS_LIMIT = 256;

/** Whether vigia watches a camera. `pending`: the page has not listened for long enough to know. */
export type Watch = 'watching' | 'slow' | 'blind' | 'off' | 'pending';

/** Why a camera is not seen properly, or not watched. */
export type Reason =
  | { readonly kind: 'camera'; readonly state: string; readonly code: string | null; readonly retryMs: number | null }
  | { readonly kind: 'silent' }
  | { readonly kind: 'result'; readonly status: 'expired' | 'timeout' | 'unavailable' | 'error' }
  | { readonly kind: 'consumer'; readonly state: string }
  | { readonly kind: 'missed' | 'late'; readonly percent: number }
  | { readonly kind: 'other'; readonly consumer: string }
  | { readonly kind: 'flapping' }
  | { readonly kind: 'no_consumer' };

/**
 * What the newest answers say. `nobody` needs one `ok` without any detection from each essential consumer: its newest, or of the
 * last 2 s.
 */
export type Verdict =
  | { readonly kind: 'nobody' | 'cannot' | 'pending' | 'off' }
  | { readonly kind: 'people'; readonly count: number }
  | { readonly kind: 'things'; readonly count: number; readonly name: string }
  | { readonly kind: 'bed'; readonly state: 'in' | 'sitting' | 'edge' };

/** The picture of a tile. `ageMs` is null when none ever came. */
export interface PictureView {
  readonly state: 'live' | 'old' | 'gone';
  readonly url: string | null;
  readonly width: number;
  readonly height: number;
  readonly ageMs: number | null;
  /** False: it may be older. */
  readonly certain: boolean;
  /** Capture time, milliseconds since 1970; null when none ever came: then `sinceMs` is when the page began to listen. */
  readonly capturedMs: number | null;
  readonly sinceMs: number | null;
  /** Null: no result belongs to this picture, so nothing is drawn. */
  readonly overlay: Overlay | null;
}

/** All that a tile shows. */
export interface TileView {
  readonly camera: string;
  readonly watch: Watch;
  readonly alarm: Alarm | null;
  readonly picture: PictureView;
  readonly verdict: Verdict;
  /** Of the answer behind the verdict, or of the last one; null: none was heard. */
  readonly answer: { readonly ageMs: number; readonly certain: boolean } | null;
  /** For how long it has been blind; `atLeast`: the page does not know since when. */
  readonly blind: { readonly ms: number; readonly atLeast: boolean } | null;
  readonly reason: Reason | null;
  /** For technicians: codes and numbers as the node has them. */
  readonly technical: string;
  readonly trace: TraceView;
}

/** The whole wall. Ids of cameras, each in one place. */
export interface WallView {
  readonly node: string;
  readonly trouble: readonly string[];
  readonly watching: readonly string[];
  readonly off: readonly string[];
  /** Those that should be watched, and are not; also where there is an alarm. */
  readonly blind: readonly string[];
  /** Nobody has acknowledged it; null: none such. Its camera is in none of the groups. */
  readonly stage: Alarm | null;
  /** All others, those that nobody has acknowledged first. */
  readonly further: readonly Alarm[];
  /** Alarms that nobody has acknowledged. */
  readonly open: number;
}

interface Answer {
  readonly result: Pick<ResultMessage, 'status' | 'seq' | 'captured_at' | 'age_ms' | 'age_certain' | 'detections'>;
  readonly consumer: string;
  readonly capturedMs: number;
  readonly arrivedMs: number;
}

interface Picture {
  readonly header: PictureHeader;
  readonly url: string;
  readonly capturedMs: number;
  readonly arrivedMs: number;
}

interface Earlier {
  readonly capturedMs: number;
  readonly decidedMs: number;
}

interface CameraMemory {
  picture: Picture | null;
  recent: Answer[];
  readonly newest: Map<string, Answer>;
  readonly newestOk: Map<string, Answer>;
  /** The newest `ok` answer of each consumer before the page came, as the node said. Milliseconds since 1970. */
  readonly earlier: Map<string, Earlier>;
  readonly trace: Trace;
  /** Server's time of the next attempt to connect. */
  retryAtMs: number | null;
  bed: 'in' | 'sitting' | 'edge' | null;
  troubleMs: number;
}

/** What a verdict is made from. */
interface Judged {
  readonly watch: Watch;
  readonly reason: Reason | null;
  readonly status: CameraStatus;
  readonly memory: CameraMemory;
  readonly essential: readonly string[];
  readonly localMs: number;
}

/**
 * What the page knows: messages in, views out. No DOM, no words, no clock of its own: `localMs` is always the time now by
 * a clock that never jumps.
 */
export class Ward {
  readonly clock: ServerClock = new ServerClock();
  #alarms = new Alarms();
  readonly #heard = new Heard();
  readonly #cameras = new Map<string, CameraMemory>();
  /** Who follows the answers of a camera, one by one. */
  readonly #followers = new Map<string, Set<(result: ResultMessage) => void>>();
  #status: NodeStatus | null = null;
  #order: readonly string[] = [];
  #listeningSinceMs: number | null = null;
  #lastNowMs: number | null = null;
  /** Since the last heartbeat the server has said that it dropped results. */
  #lostSome = false;
  /** Alarms of a status that came before the first heartbeat: without it nobody knows when they began. */
  #early: { readonly alarms: NodeStatus['alarms']; readonly askedMs: number } | null = null;

  /** The newest status; null before the first. */
  get status(): NodeStatus | null {
    return this.#status;
  }

  /** Another login must not see what this one saw. Returns the pictures: the caller revokes them. */
  forget(): readonly string[] {
    const urls = [...this.#cameras.values()].flatMap(({ picture }) => (picture === null ? [] : [picture.url]));
    this.#cameras.clear();
    this.#alarms = new Alarms();
    this.#status = null;
    this.#order = [];
    this.#early = null;
    return urls;
  }

  /** This page's clock stood still, as when a tablet slept: until the next heartbeat nothing is known to be current. */
  slept(localMs: number): void {
    this.clock.forget();
    this.connection(false, localMs);
  }

  /** A connection of the stream was opened or lost. Until the next one is open, missing answers mean nothing. */
  connection(open: boolean, localMs: number): void {
    this.#listeningSinceMs = open ? localMs : null;
    this.#lastNowMs = null;
    // Only events say these, and what happened meanwhile is not repeated.
    for (const memory of this.#cameras.values()) {
      memory.bed = null;
      memory.retryAtMs = null;
    }
  }

  /** A heartbeat. */
  takeNow(at: string, monotonicMs: number, localMs: number): void {
    if (this.clock.heard(at, monotonicMs, localMs)) this.#clockWasSet();
    const serverMs = this.clock.at(localMs);
    if (serverMs === null) return;
    const sinceMs = serverMs - (localMs - (this.#lastNowMs ?? localMs));
    if (this.#lostSome) this.#heard.missed(sinceMs, serverMs);
    else this.#heard.listened(sinceMs, serverMs);
    this.#lostSome = false;
    this.#lastNowMs = localMs;
    if (this.#early === null) return;
    this.#alarms.fromStatus(this.#early.alarms, this.#early.askedMs, serverMs);
    this.#early = null;
  }

  /** The server dropped results on the way to this page. */
  takeLost(localMs: number): void {
    const serverMs = this.clock.at(localMs);
    this.#lostSome = true;
    if (serverMs !== null) this.#heard.missed(serverMs - LIVE_MS, serverMs);
  }

  /** @param askedMs When it was asked for. Returns the pictures of cameras that left: the caller revokes them. */
  takeStatus(status: NodeStatus, askedMs: number, localMs: number): readonly string[] {
    this.#status = status;
    this.#order = inOrder(status.cameras);
    const serverMs = this.clock.at(localMs);
    if (serverMs === null) this.#early = { alarms: status.alarms, askedMs };
    else this.#alarms.fromStatus(status.alarms, askedMs, serverMs);
    const left = [...this.#cameras].filter(([id]) => !(id in status.cameras));
    for (const [id] of left) this.#cameras.delete(id);
    return left.flatMap(([, { picture }]) => (picture === null ? [] : [picture.url]));
  }

  takeResult(result: ResultMessage, localMs: number): void {
    for (const take of this.#followers.get(result.camera) ?? []) take(result);
    const memory = this.#memory(result.camera);
    if (memory === undefined) return;
    const { status, seq, captured_at, age_ms, age_certain, detections, consumer } = result;
    const capturedMs = Date.parse(captured_at);
    const kept = { status, seq, captured_at, age_ms, age_certain, detections };
    const answer = { result: kept, consumer, capturedMs, arrivedMs: localMs };
    memory.newest.set(consumer, answer);
    if (status !== 'ok' || detections === null) return;
    memory.newestOk.set(consumer, answer);
    memory.recent.push(answer);
    if (memory.recent.length > RECENT_LIMIT) memory.recent.shift();
    const state = this.#status?.cameras[result.camera]?.report.consumers[consumer]?.state;
    const mark = state === 'breaching' ? 'slow' : detections.length > 0 ? 'some' : 'none';
    const serverMs = this.clock.at(localMs);
    if (serverMs !== null) memory.trace.add(Math.min(serverMs, capturedMs + age_ms), mark, age_ms);
  }

  /** What a consumer answered in the minute before the page came: it fills the trace. */
  takeSummary({ camera, consumer, at, answers, complete_ms: completeMs }: SummaryMessage): void {
    const atMs = Date.parse(at);
    const memory = this.#memory(camera);
    if (memory === undefined || !Number.isFinite(atMs)) return;
    for (const [ageMs, objects, agoMs] of answers) {
      if (ageMs === null) continue;
      const decidedMs = atMs - agoMs;
      memory.trace.add(decidedMs, objects > 0 ? 'some' : 'none', ageMs);
      memory.earlier.set(consumer, { decidedMs, capturedMs: decidedMs - ageMs });
    }
    this.#heard.listened(atMs - completeMs, atMs);
  }

  /** Calls `take` with each answer of a camera. @returns a function that ends it. */
  follow(camera: string, take: (result: ResultMessage) => void): () => void {
    const all = this.#followers.get(camera) ?? new Set();
    this.#followers.set(camera, all.add(take));
    return () => {
      all.delete(take);
      if (all.size === 0) this.#followers.delete(camera);
    };
  }

  takeEvent(event: NodeEvent, localMs: number): void {
    this.#alarms.fromEvent(event, localMs, this.#figures(event));
    const memory = event.camera === null ? undefined : this.#memory(event.camera);
    if (memory === undefined) return;
    if (event.kind === 'camera_state')
      memory.retryAtMs = event.data.retry_in_ms === null ? null : Date.parse(event.at) + event.data.retry_in_ms;
    if (event.kind === 'bed') {
      const { state } = event.data;
      memory.bed = state === 'in' || state === 'sitting' || state === 'edge' ? state : null;
    }
  }

  /** A picture, and where the browser has it. Returns the one that it replaces: the caller revokes it. */
  takePicture(header: PictureHeader, url: string, localMs: number): string | null {
    const memory = this.#memory(header.camera);
    if (memory === undefined) return url;
    const replaced = memory.picture?.url ?? null;
    memory.picture = { header, url, capturedMs: Date.parse(header.captured_at), arrivedMs: localMs };
    return replaced;
  }

  /** The node took this page's acknowledgement. */
  takeAcknowledged(event: string, by: string, outcome: AlarmOutcome | null, localMs: number): void {
    this.#alarms.acknowledged(event, by, outcome, localMs);
  }

  /** Null before the first status and the first heartbeat: nothing can be said yet. */
  wall(localMs: number): WallView | null {
    if (this.#status === null || this.clock.at(localMs) === null) return null;
    const [first, ...others] = this.#alarms.all();
    const stage = first !== undefined && first.by === null ? first : null;
    const groups: Record<'trouble' | 'watching' | 'off', string[]> = { trouble: [], watching: [], off: [] };
    const slow: string[] = [];
    const blind: string[] = [];
    for (const id of this.#order) {
      const status = this.#status.cameras[id];
      const memory = this.#memory(id);
      if (status === undefined || memory === undefined) continue;
      const { watch } = this.#watch(id, status, memory, localMs);
      if (watch === 'blind') blind.push(id);
      if (id === stage?.camera) continue;
      // What this page did not hear is no trouble of a camera.
      if ((watch === 'blind' || watch === 'slow') && this.#hears(localMs)) memory.troubleMs = localMs;
      if (watch === 'off') groups.off.push(id);
      else if (watch === 'blind') groups.trouble.push(id);
      else if (localMs - memory.troubleMs < CALM_MS) slow.push(id);
      else groups.watching.push(id);
    }
    groups.trouble.push(...slow);
    const all = this.#alarms.all();
    const further = stage === null ? all : others;
    return {
      node: this.#status.node,
      ...groups,
      blind,
      stage,
      further,
      open: all.filter(({ by }) => by === null).length,
    };
  }

  /** Null for a camera that the node does not have (any more). */
  tile(id: string, localMs: number): TileView | null {
    const status = this.#status?.cameras[id];
    const memory = this.#memory(id);
    const serverMs = this.clock.at(localMs);
    if (status === undefined || memory === undefined || serverMs === null) return null;
    const { watch, reason, limitMs } = this.#watch(id, status, memory, localMs);
    const essential = essentialConsumers(status);
    const last = oldest(essential.flatMap((name) => memory.newestOk.get(name) ?? []));
    // Before the page came.
    const earlier = last === null ? earliest(essential.flatMap((name) => memory.earlier.get(name) ?? [])) : null;
    const lastAge =
      last !== null
        ? this.#age(last, last.result.age_ms, localMs)
        : earlier !== null
          ? serverMs - earlier.capturedMs
          : null;
    const verdict = this.#verdict({ watch, reason, status, memory, essential, localMs });
    const said = verdict.answer ?? last;
    const silent = lastAge === null ? watch === 'blind' : lastAge > limitMs;
    const lastDecidedMs = last === null ? (earlier?.decidedMs ?? 0) : last.capturedMs + last.result.age_ms;
    return {
      camera: id,
      watch,
      alarm: this.#alarms.all().find(({ camera }) => camera === id) ?? null,
      picture: this.#picture(memory, localMs, serverMs),
      verdict: verdict.verdict,
      answer:
        said === null
          ? null
          : { ageMs: this.#age(said, said.result.age_ms, localMs), certain: said.result.age_certain },
      blind: watch === 'blind' ? this.#blindFor(lastAge, localMs) : null,
      reason,
      technical: technicalOf(status, essential),
      trace: memory.trace.view(serverMs, watch !== 'off' && silent ? lastDecidedMs : null, this.#heard),
    };
  }

  /** The consumers of a camera, with the age of what each answered last; empty for a camera that the node does not have. */
  consumers(id: string, localMs: number): readonly ConsumerView[] {
    const status = this.#status?.cameras[id];
    const newest = this.#memory(id)?.newestOk;
    if (status === undefined) return [];
    return consumersOf(status, (name) => {
      const answer = newest?.get(name);
      if (answer === undefined) return { ageMs: null, certain: true };
      return { ageMs: this.#age(answer, answer.result.age_ms, localMs), certain: answer.result.age_certain };
    });
  }

  /** The time of the server, milliseconds since 1970; null before the first heartbeat. */
  serverMs(localMs: number): number | null {
    return this.clock.at(localMs);
  }

  /** Traces are kept by the server's time, and nobody knows which time an old answer belongs to. */
  #clockWasSet(): void {
    this.#heard.clear();
    this.#lastNowMs = null;
    for (const { trace } of this.#cameras.values()) trace.clear();
  }

  /** How somebody who fell came to lie there; empty for another event, or where this page does not know it. */
  #figures(event: NodeEvent): Figures {
    if (event.kind !== 'fall' || event.phase !== 'start' || event.data.bbox === null) return [];
    const { camera, consumer, data } = event;
    const stream = this.#status?.cameras[camera ?? '']?.report.stream;
    const recent = this.#cameras.get(camera ?? '')?.recent ?? [];
    if (stream == null || stream.height === 0) return [];
    const answers = recent
      .filter((answer) => answer.consumer === consumer)
      .map(({ capturedMs, result }) => ({ capturedMs, detections: result.detections ?? [] }));
    return figuresOf(
      answers,
      { bbox: event.data.bbox, capturedMs: Date.parse(data.captured_at) },
      stream.width / stream.height,
    );
  }

  #hears(localMs: number): boolean {
    return this.#listeningSinceMs !== null && this.#lastNowMs !== null && localMs - this.#lastNowMs <= LIVE_MS;
  }

  #memory(id: string): CameraMemory | undefined {
    let memory = this.#cameras.get(id);
    if (memory === undefined && this.#cameras.size < CAMERAS_LIMIT) {
      memory = {
        picture: null,
        recent: [],
        newest: new Map(),
        newestOk: new Map(),
        earlier: new Map(),
        trace: new Trace(),
        retryAtMs: null,
        bed: null,
        troubleMs: -Infinity,
      };
      this.#cameras.set(id, memory);
    }
    return memory;
  }

  /**
   * Now minus the time of capture, by the server's clock. Never less than what the node measured plus what has passed
   * here since: when the server's clock is set back, a picture would look new until that time has come again.
   */
  #age(of: { readonly capturedMs: number; readonly arrivedMs: number }, ageThenMs: number, localMs: number): number {
    const least = ageThenMs + localMs - of.arrivedMs;
    const serverMs = this.clock.at(localMs);
    return serverMs === null ? least : Math.max(serverMs - of.capturedMs, least);
  }

  #watch(
    id: string,
    status: CameraStatus,
    memory: CameraMemory,
    localMs: number,
  ): { watch: Watch; reason: Reason | null; limitMs: number } {
    const { report } = status;
    const essential = essentialConsumers(status);
    if (essential.length === 0) {
      const reason: Reason = report.state === 'live' ? { kind: 'no_consumer' } : this.#cameraReason(status, memory);
      return { watch: 'off', reason, limitMs: LIVE_MS };
    }
    const missing = (name: string): boolean => {
      const answer = memory.newestOk.get(name);
      return answer === undefined || this.#age(answer, answer.result.age_ms, localMs) > limitOf(status, name);
    };
    const limitMs = Math.max(...essential.map((name) => limitOf(status, name)));
    const silent = essential.filter(missing);
    const listened = this.#listeningSinceMs === null ? 0 : localMs - this.#listeningSinceMs;
    const lost = this.#status?.problems.some(
      ({ camera, code }) => camera === id && (code === 'blind' || code === 'worker_failed'),
    );
    if (silent.length === 0) {
      if (lost === true) return { watch: 'blind', reason: { kind: 'flapping' }, limitMs };
      const slow = this.#slowReason(status, essential, missing, listened);
      return { watch: slow === null ? 'watching' : 'slow', reason: slow, limitMs };
    }
    const mayAnswer = silent.every(
      (name) =>
        (memory.newestOk.get(name)?.arrivedMs ?? -Infinity) < (this.#listeningSinceMs ?? Infinity) &&
        isRunning(report.consumers[name]?.state ?? ''),
    );
    if (lost !== true && report.state === 'live' && mayAnswer && listened < limitMs)
      return { watch: 'pending', reason: null, limitMs };
    return { watch: 'blind', reason: this.#blindReason(status, memory, silent, localMs), limitMs };
  }

  #cameraReason({ report }: CameraStatus, memory: CameraMemory): Reason {
    const retryMs = report.state === 'waiting' ? memory.retryAtMs : null;
    return { kind: 'camera', state: report.state, code: report.reason, retryMs };
  }

  #blindReason(status: CameraStatus, memory: CameraMemory, silent: readonly string[], localMs: number): Reason {
    if (status.report.state !== 'live') return this.#cameraReason(status, memory);
    for (const name of silent) {
      const state = status.report.consumers[name]?.state ?? '';
      if (!isRunning(state) && state !== 'idle' && state !== 'unavailable') return { kind: 'consumer', state };
      const last = memory.newest.get(name);
      if (last === undefined || localMs - last.arrivedMs > CALM_MS) continue;
      if (last.result.status !== 'ok') return { kind: 'result', status: last.result.status };
    }
    const unavailable = silent.some((name) => status.report.consumers[name]?.state === 'unavailable');
    return unavailable ? { kind: 'result', status: 'unavailable' } : { kind: 'silent' };
  }

  #slowReason(
    { report }: CameraStatus,
    essential: readonly string[],
    missing: (name: string) => boolean,
    listenedMs: number,
  ): Reason | null {
    const names = Object.keys(report.consumers);
    for (const name of [...essential, ...names]) {
      const consumer = report.consumers[name];
      if (consumer?.state !== 'breaching') continue;
      const { drop_ratio, late_ratio, budget } = consumer.sla_window;
      const late = late_ratio !== null && late_ratio > budget && late_ratio > drop_ratio;
      const share = late ? late_ratio : drop_ratio;
      // One of 300 is 0.3 %, not 0 %.
      const percent = share < 0.01 ? Math.round(share * 1000) / 10 : Math.round(share * 100);
      return { kind: late ? 'late' : 'missed', percent };
    }
    const other = names.find((name) => !essential.includes(name) && missing(name));
    // Since the page began to listen, a consumer that is asked seldom may not have had its turn.
    return other === undefined || listenedMs < CALM_MS ? null : { kind: 'other', consumer: other };
  }

  #verdict({ watch, reason, status, memory, essential, localMs }: Judged): { verdict: Verdict; answer: Answer | null } {
    if (watch === 'off' || watch === 'pending') return { verdict: { kind: watch }, answer: null };
    if (watch === 'blind') return { verdict: { kind: 'cannot' }, answer: null };
    const answers = essential.flatMap((name) => memory.newestOk.get(name) ?? []);
    const others = [...memory.newestOk.values()].filter(
      (answer) =>
        !essential.includes(answer.consumer) &&
        this.#age(answer, answer.result.age_ms, localMs) <= limitOf(status, answer.consumer),
    );
    const seeing = mostPeople(answers) ?? mostPeople(others);
    if (memory.bed !== null) return { verdict: { kind: 'bed', state: memory.bed }, answer: seeing ?? oldest(answers) };
    if (seeing !== null) return { verdict: { kind: 'people', count: people(seeing) }, answer: seeing };
    const object = [...answers, ...others].flatMap(({ result }) => result.detections ?? [])[0];
    const answer = oldest(answers);
    if (object === undefined) {
      const before = this.#seenLately(memory, localMs);
      if (before !== null) return { verdict: { kind: 'people', count: people(before) }, answer: before };
      // Who is asked seldom may have failed since; and who finds people may be the one that does not answer.
      const isKnown = essential.every((name) => {
        const ok = memory.newestOk.get(name);
        const isNewest = ok === memory.newest.get(name);
        return ok !== undefined && (isNewest || this.#age(ok, ok.result.age_ms, localMs) <= LIVE_MS);
      });
      return { verdict: { kind: isKnown && reason?.kind !== 'other' ? 'nobody' : 'cannot' }, answer };
    }
    const name = object.class_name;
    const counts = [...answers, ...others].map(
      ({ result }) => (result.detections ?? []).filter((one) => one.class_name === name).length,
    );
    return { verdict: { kind: 'things', count: Math.max(...counts), name }, answer };
  }

  /** Detectors lose people for an answer or two: who was seen so lately may still stand in the picture. */
  #seenLately({ recent }: CameraMemory, localMs: number): Answer | null {
    const newest = recent.findLast((answer) => people(answer) > 0);
    if (newest === undefined || this.#age(newest, newest.result.age_ms, localMs) > SEEN_MS) return null;
    return newest;
  }

  #picture(memory: CameraMemory, localMs: number, serverMs: number): PictureView {
    const { picture } = memory;
    if (picture === null) {
      const sinceMs = this.#listeningSinceMs === null ? null : serverMs - (localMs - this.#listeningSinceMs);
      return { ...NO_PICTURE, sinceMs };
    }
    const { header, url, capturedMs } = picture;
    const ageMs = this.#age(picture, header.age_ms, localMs);
    const { width, height, age_certain: certain } = header;
    const seen = { width, height, ageMs, certain, capturedMs, sinceMs: null };
    if (ageMs > GONE_MS) return { ...seen, state: 'gone', url: null, overlay: null };
    if (ageMs > LIVE_MS) return { ...seen, state: 'old', url, overlay: null };
    return {
      ...seen,
      state: 'live',
      url,
      overlay: overlayOf(
        header,
        memory.recent.map(({ result }) => result),
      ),
    };
  }

  #blindFor(lastAgeMs: number | null, localMs: number): { ms: number; atLeast: boolean } | null {
    if (lastAgeMs !== null) return { ms: lastAgeMs, atLeast: false };
    if (this.#listeningSinceMs === null) return null;
    return { ms: localMs - this.#listeningSinceMs, atLeast: true };
  }
}

const NO_PICTURE: PictureView = {
  state: 'gone',
  url: null,
  width: 16,
  height: 9,
  ageMs: null,
  certain: true,
  capturedMs: null,
  sinceMs: null,
  overlay: null,
};

/** How old a consumer's newest answer may be: as old as a picture, or three of its turns if those are longer. */
function limitOf({ report }: CameraStatus, name: string): number {
  const window = report.consumers[name]?.sla_window;
  if (window === undefined || window.turns < 1) return LIVE_MS;
  return Math.max(LIVE_MS, (3 * window.live_ms) / window.turns);
}

function oldest(answers: readonly Answer[]): Answer | null {
  return answers.reduce<Answer | null>((a, b) => (a === null || b.capturedMs < a.capturedMs ? b : a), null);
}

function earliest(answers: readonly Earlier[]): Earlier | null {
  return answers.reduce<Earlier | null>((a, b) => (a === null || b.capturedMs < a.capturedMs ? b : a), null);
}

function people({ result }: Answer): number {
  return (result.detections ?? []).filter(({ class_name }) => class_name === 'person').length;
}

function mostPeople(answers: readonly Answer[]): Answer | null {
  const most = answers.reduce<Answer | null>((a, b) => (a === null || people(b) > people(a) ? b : a), null);
  return most !== null && people(most) > 0 ? most : null;
}
