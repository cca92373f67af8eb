import { batch, type Signal, signal } from '@preact/signals';
import type { ZoneKind } from '@vigia/contracts';
import type { RulesPreview } from '@vigia/contracts/api';
import { type Browser, errorOf, refusalText } from './connection.ts';
import {
  type BedSettings,
  CORNERS,
  cornerAt,
  cornerBehind,
  crosses,
  inside,
  moved,
  newId,
  type Point,
  type Rules,
  rulesRenamed,
  type Step,
  type VisitSettings,
  withVisits,
  withZone,
  type Zone,
  ZoneDraft,
  type ZoneSettings,
} from './zone-draft.ts';
import { type Lane, lanesOf } from './zones-preview.ts';

const REQUEST_MS = 5000;
/** A camera with new zones may have to connect again. */
const SAVE_MS = 20_000;
/** The first corner closes an outline for who presses so near to it. Shares of the picture. */
const CLOSE = 0.02;
/** Half the size of a zone that is added without pointing. */
const HALF = 0.15;

/** A night takes half a minute. */
const PREVIEW_MS = 180_000;

/** What a press on the picture does: chooses, or draws a zone of this kind. */
export type Tool = 'choose' | ZoneKind;

/** A picture to draw on. */
export interface StillPicture {
  readonly url: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** What the view needs of a browser. */
export interface ZonesBrowser extends Pick<Browser, 'request'> {
  /** An address of a picture that the caller gives back with `forget`; otherwise why there is none. */
  picture(path: string): Promise<{ readonly url: string } | { readonly refused: string }>;
  forget(url: string): void;
}

/** What other zones would have changed. `isOld`: zones have changed since. */
export type Preview =
  | { readonly kind: 'none' }
  | { readonly kind: 'asking' }
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'shown'; readonly parts: readonly PreviewPart[]; readonly isOld: boolean };

/** Of one rule. */
export interface PreviewPart {
  readonly preview: RulesPreview;
  readonly lanes: readonly Lane[];
}

/** Where saving stands. `revision`: the one in force, which is not the one that the draft began with. */
export type Saving =
  | { readonly kind: 'idle' | 'asking' }
  | { readonly kind: 'saved'; readonly revision: number }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'conflict'; readonly revision: number };

interface Document {
  readonly revision: number;
  readonly document: { readonly cameras?: Readonly<Record<string, CameraSettings>> };
}

interface CameraSettings extends Partial<ZoneSettings> {
  readonly consumers?: Readonly<Record<string, { readonly model?: string }>>;
}

/** What is being drawn on the picture of one camera, as signals. It outlives the view: who comes back finds the draft. */
export class ZonesScreen {
  readonly camera: string;
  /** Why there are no zones to draw; empty: they are there, or being asked for. */
  readonly failed: Signal<string> = signal('');
  /** Null until the node has answered. */
  readonly zones: Signal<readonly Zone[] | null> = signal(null);
  readonly rules: Signal<Rules> = signal({});
  /** Consumers with a model, which rules may follow. */
  readonly consumers: Signal<readonly string[]> = signal([]);
  readonly steps: Signal<readonly Step[]> = signal([]);
  readonly mayRedo: Signal<boolean> = signal(false);
  readonly still: Signal<StillPicture | null> = signal(null);
  /** Why there is no picture; empty while there is one, or it is being asked for. */
  readonly noStill: Signal<string> = signal('');
  readonly tool: Signal<Tool> = signal('choose');
  readonly chosen: Signal<string | null> = signal(null);
  /** Corners of a zone that is being drawn. */
  readonly outline: Signal<readonly Point[]> = signal([]);
  readonly saving: Signal<Saving> = signal({ kind: 'idle' });
  readonly preview: Signal<Preview> = signal({ kind: 'none' });
  revision = 0;
  readonly #browser: ZonesBrowser;
  readonly #csrf: () => string | null;
  #draft: ZoneDraft | undefined;
  /** Counts questions: an answer to an earlier one is not wanted any more. */
  #asked = 0;

  constructor(camera: string, browser: ZonesBrowser, csrf: () => string | null) {
    this.camera = camera;
    this.#browser = browser;
    this.#csrf = csrf;
  }

  /** Zones that are not as they were saved. */
  get isDirty(): boolean {
    return this.#draft?.patch() != null;
  }

  /** As they were saved: what moved is seen beside it. */
  get saved(): readonly Zone[] {
    return this.#draft?.saved ?? [];
  }

  /** Asks for the zones in force, unless a draft of them is there, and for a picture. */
  open(nowMs: () => number): void {
    if (!this.isDirty) void this.load();
    void this.look(nowMs);
  }

  /** Asks for the zones in force. A draft is given up. */
  async load(): Promise<void> {
    this.#asked += 1;
    const number = this.#asked;
    const reply = await this.#browser
      .request('GET', '/api/v1/config', { timeoutMs: REQUEST_MS })
      .catch(() => undefined);
    if (number !== this.#asked) return;
    if (reply?.status !== 200) {
      this.failed.value = refusalText(reply);
      return;
    }
    const { revision, document } = reply.body as Document;
    const { zones = {}, rules = {}, consumers = {} } = document.cameras?.[this.camera] ?? {};
    this.revision = revision;
    this.#draft = new ZoneDraft({ zones, rules });
    batch(() => {
      this.failed.value = '';
      this.saving.value = { kind: 'idle' };
      this.outline.value = [];
      this.consumers.value = Object.entries(consumers).flatMap(([id, { model }]) => (model === undefined ? [] : [id]));
      this.#show();
    });
  }

  /** Another picture of now. */
  async look(nowMs: () => number): Promise<void> {
    const atMs = nowMs();
    const path = `/api/v1/cameras/${encodeURIComponent(this.camera)}/snapshot.jpg`;
    const answer = await this.#browser.picture(path);
    const before = this.still.peek();
    batch(() => {
      this.noStill.value = 'refused' in answer ? answer.refused : '';
      // The picture before is as good to draw on.
      if ('url' in answer) this.still.value = { url: answer.url, atMs };
    });
    if ('url' in answer && before) this.#browser.forget(before.url);
  }

  /** The view is gone for good: another login must not see its picture. */
  close(): void {
    this.#asked += 1;
    const { url } = this.still.peek() ?? {};
    if (url !== undefined) this.#browser.forget(url);
    this.still.value = null;
  }

  pick(tool: Tool): void {
    batch(() => {
      this.tool.value = tool;
      this.outline.value = [];
      if (tool !== 'choose') this.chosen.value = null;
    });
  }

  /** A press on the picture, with a tool that draws. On the first corner it closes the outline. */
  press(at: Point): void {
    const outline = this.outline.peek();
    const [first] = outline;
    const closes = first !== undefined && Math.abs(first[0] - at[0]) < CLOSE && Math.abs(first[1] - at[1]) < CLOSE;
    if (closes && outline.length >= CORNERS.least) return this.closeOutline();
    if (closes || outline.length >= CORNERS.most) return;
    this.outline.value = [...outline, inside(at)];
  }

  /** What is being drawn becomes a zone; without corners, one in the middle of the picture, which is then moved. */
  closeOutline(): void {
    const [tool, outline] = [this.tool.peek(), this.outline.peek()];
    if (tool === 'choose' || (outline.length > 0 && outline.length < CORNERS.least)) return;
    const [low, high] = [0.5 - HALF, 0.5 + HALF];
    const square: readonly Point[] = [
      [low, low],
      [high, low],
      [high, high],
      [low, high],
    ];
    const zones = this.#now();
    const id = newId(zones, tool);
    const zone: Zone = { id, from: null, kind: tool, points: outline.length > 0 ? outline : square };
    batch(() => {
      this.tool.value = 'choose';
      this.outline.value = [];
      this.#take({ kind: 'added', zone: id }, { zones: [...zones, zone] });
      this.chosen.value = id;
    });
  }

  /** A corner less of what is being drawn. @returns whether there was one. */
  takeBack(): boolean {
    const outline = this.outline.peek();
    this.outline.value = outline.slice(0, -1);
    return outline.length > 0;
  }

  /** Shows a corner somewhere else, until {@link drop} makes a step of it. */
  dragCorner(id: string, index: number, to: Point): void {
    const zone = this.#draft?.zone(id);
    if (zone) this.#preview(id, cornerAt(zone.points, index, to));
  }

  /** Shows a whole zone somewhere else, likewise. */
  dragZone(id: string, by: Point): void {
    const zone = this.#draft?.zone(id);
    if (zone) this.#preview(id, moved(zone.points, by));
  }

  /** What was dragged stays where it is shown. */
  drop(step: Step): void {
    const shown = this.zones.peek();
    if (shown && shown !== this.#draft?.zones) this.#take(step, { zones: shown });
  }

  /** What was dragged is where it was. */
  cancelDrag(): void {
    this.#show();
  }

  nudgeCorner(id: string, index: number, by: Point): void {
    const point = this.#draft?.zone(id)?.points[index];
    if (!point) return;
    const to: Point = [point[0] + by[0], point[1] + by[1]];
    this.#change(id, { kind: 'corner', zone: id, key: `${id} ${index}` }, (zone) => cornerAt(zone.points, index, to));
  }

  nudgeZone(id: string, by: Point): void {
    this.#change(id, { kind: 'moved', zone: id, key: id }, (zone) => moved(zone.points, by));
  }

  /** @returns false where a zone has all the corners that it may have. */
  addCorner(id: string, behind: number, at: Point): boolean {
    if ((this.#draft?.zone(id)?.points.length ?? CORNERS.most) >= CORNERS.most) return false;
    this.#change(id, { kind: 'corner-added', zone: id }, (zone) => cornerBehind(zone.points, behind, at));
    return true;
  }

  removeCorner(id: string, index: number): void {
    if ((this.#draft?.zone(id)?.points.length ?? 0) <= CORNERS.least) return;
    const step: Step = { kind: 'corner-removed', zone: id };
    this.#change(id, step, (zone) => zone.points.filter((_, i) => i !== index));
  }

  removeZone(id: string): void {
    batch(() => {
      const zones = this.#now().filter((zone) => zone.id !== id);
      this.#take({ kind: 'removed', zone: id }, { zones });
    });
  }

  /** The caller has asked `whyNotCalled`. */
  rename(id: string, to: string): void {
    batch(() => {
      const zones = withZone(this.#now(), id, { id: to });
      this.#take({ kind: 'renamed', zone: to }, { zones, rules: rulesRenamed(this.rules.peek(), id, to) });
      this.chosen.value = to;
    });
  }

  setKind(id: string, kind: ZoneKind): void {
    const { recorded } = this.#draft?.zone(id) ?? {};
    this.#replace(id, { kind, recorded: kind === 'privacy' ? recorded : undefined });
  }

  /** Of a privacy zone: that recordings show what it hides is known and wanted. */
  setRecorded(id: string, recorded: boolean): void {
    this.#replace(id, { recorded: recorded ? true : undefined });
  }

  /** Watches this bed in place of another one; undefined: no bed is watched any more. */
  setBed(id: string, settings: Omit<BedSettings, 'from' | 'zone'> | undefined): void {
    const { bed, ...others } = this.rules.peek();
    const from = bed?.from ?? this.follows;
    if (from === undefined) return;
    const rules = settings === undefined ? others : { ...others, bed: { ...settings, from, zone: id } };
    this.#take({ kind: 'alarm', zone: id }, { rules });
  }

  /** Undefined: who comes and goes there is not recorded. */
  setVisits(id: string, settings: VisitSettings | undefined): void {
    const from = this.follows;
    if (from === undefined) return;
    this.#take({ kind: 'alarm', zone: id }, { rules: withVisits(this.rules.peek(), from, id, settings) });
  }

  /** @param longLie How long somebody may lie on the floor, or `off`; undefined: falls are not watched for. */
  setFall(longLie: string | undefined): void {
    const { fall, ...others } = this.rules.peek();
    const from = fall?.from ?? this.follows;
    if (from === undefined) return;
    const rules = longLie === undefined ? others : { ...others, fall: { ...fall, from, long_lie: longLie } };
    this.#take({ kind: 'fall', zone: '' }, { rules });
  }

  /** The consumer that a new rule follows: that of another rule, or the first one with a model. Undefined: there is none. */
  get follows(): string | undefined {
    const { fall, bed, visits } = this.rules.value;
    return fall?.from ?? bed?.from ?? visits?.from ?? this.consumers.value[0];
  }

  undo(): void {
    this.#draft?.undo();
    this.#show();
  }

  undoTo(index: number): void {
    this.#draft?.undoTo(index);
    this.#show();
  }

  redo(): void {
    this.#draft?.redo();
    this.#show();
  }

  /** Zones whose outline crosses itself: the node refuses them. */
  get crossing(): readonly Zone[] {
    return (this.zones.value ?? []).filter(({ points }) => crosses(points));
  }

  /** Rules of the camera that stored results can be played to. */
  get playable(): readonly RulesPreview['rule'][] {
    return (['bed', 'visits'] as const).filter((rule) => this.rules.value[rule] !== undefined);
  }

  /** Asks what the draft would have changed in this time: one rule after the other, for the node plays one at a time. */
  async tryOut({ from, to }: { readonly from: string; readonly to: string }): Promise<void> {
    const draft = this.#draft;
    if (!draft || this.preview.peek().kind === 'asking') return;
    this.preview.value = { kind: 'asking' };
    const { zones, rules } = draft.settings();
    const tried = draft.patch();
    const { renamed } = draft;
    const parts: PreviewPart[] = [];
    for (const rule of this.playable) {
      const body = { camera: this.camera, rule, from, to, zones, rules };
      const options = { body, csrf: this.#csrf(), timeoutMs: PREVIEW_MS };
      const reply = await this.#browser.request('POST', '/api/v1/rules/preview', options).catch(() => undefined);
      if (reply?.status !== 200) {
        this.preview.value = { kind: 'failed', why: refusalText(reply) };
        return;
      }
      const preview = reply.body as RulesPreview;
      const of = rule === 'bed' ? [rules.bed?.zone ?? ''] : Object.keys(rules.visits?.zones ?? {});
      parts.push({ preview, lanes: lanesOf(preview, of, renamed) });
    }
    this.preview.value = { kind: 'shown', parts, isOld: this.#draft !== draft || !isSame(tried, draft.patch()) };
  }

  /** Makes the draft a revision, unless another one than this is in force. */
  async save(revision: number = this.revision): Promise<void> {
    const patch = this.#draft?.patch();
    if (!patch || this.saving.peek().kind === 'asking') return;
    this.saving.value = { kind: 'asking' };
    const path = `/api/v1/cameras/${encodeURIComponent(this.camera)}`;
    const options = { body: patch, csrf: this.#csrf(), timeoutMs: SAVE_MS, ifMatch: revision };
    const reply = await this.#browser.request('PATCH', path, options).catch(() => undefined);
    if (reply?.status === 200) {
      await this.load();
      this.saving.value = { kind: 'saved', revision: (reply.body as { revision: number }).revision };
      return;
    }
    const inForce = reply?.status === 412 ? errorOf(reply).revision : undefined;
    this.saving.value =
      inForce === undefined ? { kind: 'refused', why: refusalText(reply) } : { kind: 'conflict', revision: inForce };
  }

  #now(): readonly Zone[] {
    return this.#draft?.zones ?? [];
  }

  #change(id: string, step: Step, points: (zone: Zone) => readonly Point[]): void {
    const zone = this.#draft?.zone(id);
    if (zone) this.#take(step, { zones: withZone(this.#now(), id, { points: points(zone) }) });
  }

  #replace(id: string, change: Partial<Zone>): void {
    this.#take({ kind: 'kind', zone: id }, { zones: withZone(this.#now(), id, change) });
  }

  #preview(id: string, points: readonly Point[]): void {
    this.zones.value = withZone(this.#now(), id, { points });
  }

  #take(step: Step, change: Parameters<ZoneDraft['take']>[1]): void {
    // The answer brings the zones in force: a step that is taken meanwhile would be lost.
    if (this.saving.peek().kind !== 'asking') this.#draft?.take(step, change);
    this.#show();
  }

  #show(): void {
    batch(() => {
      this.zones.value = this.#draft?.zones ?? null;
      this.rules.value = this.#draft?.rules ?? {};
      this.steps.value = this.#draft?.steps ?? [];
      this.mayRedo.value = this.#draft?.mayRedo ?? false;
      if (this.#draft && !this.#draft.zone(this.chosen.peek())) this.chosen.value = null;
      if (this.saving.peek().kind !== 'asking') this.saving.value = { kind: 'idle' };
      const preview = this.preview.peek();
      if (preview.kind === 'shown') this.preview.value = { ...preview, isOld: true };
    });
  }
}

function isSame(one: object | null, other: object | null): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
