import { batch, type Signal, signal } from '@preact/signals';
import type { ZoneKind } from '@vigia/contracts';
import { type Browser, errorOf, refusalText } from './connection.ts';
import {
  CORNERS,
  centreOf,
  cornerAt,
  cornerBehind,
  crosses,
  inside,
  moved,
  newId,
  type Point,
  type Step,
  withZone,
  type Zone,
  ZoneDraft,
  type ZoneSettings,
} from './zone-draft.ts';

const REQUEST_MS = 5000;
/** A camera that is told of new zones may have to connect again. */
const SAVE_MS = 20_000;
/** The first corner closes an outline for who presses so near to it. Shares of the picture. */
const CLOSE = 0.02;
/** Half the size of a zone that is added without pointing. */
const HALF = 0.15;

/** What a press on the picture does: chooses, or draws a zone of this kind. */
export type Tool = 'choose' | ZoneKind;

/** A picture to draw on. */
export interface StillPicture {
  readonly url: string;
  /** On the server, milliseconds; null: not known. */
  readonly atMs: number | null;
}

/** What the view needs of a browser. */
export interface ZonesBrowser extends Pick<Browser, 'request'> {
  /** An address of a picture that the caller gives back with `forget`; otherwise why there is none. */
  picture(path: string): Promise<{ readonly url: string } | { readonly refused: string }>;
  forget(url: string): void;
}

/** Where saving stands. `revision`: the one in force, which is not the one that the draft began with. */
export type Saving =
  | { readonly kind: 'idle' | 'asking' }
  | { readonly kind: 'saved'; readonly revision: number }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'conflict'; readonly revision: number };

interface Document {
  readonly revision: number;
  readonly document: { readonly cameras?: Readonly<Record<string, Partial<ZoneSettings>>> };
}

/** What is being drawn on the picture of one camera, as signals. It outlives the view: who comes back finds the draft. */
export class ZonesScreen {
  readonly camera: string;
  /** Why there are no zones to draw; empty: they are there, or being asked for. */
  readonly failed: Signal<string> = signal('');
  /** Null until the node has answered. */
  readonly zones: Signal<readonly Zone[] | null> = signal(null);
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
  open(serverMs: () => number | null): void {
    if (!this.isDirty) void this.load();
    void this.look(serverMs);
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
    const { zones = {}, rules } = document.cameras?.[this.camera] ?? {};
    this.revision = revision;
    this.#draft = new ZoneDraft({ zones, ...(rules ? { rules } : {}) });
    batch(() => {
      this.failed.value = '';
      this.saving.value = { kind: 'idle' };
      this.outline.value = [];
      this.#show();
    });
  }

  /** Another picture of now. */
  async look(serverMs: () => number | null): Promise<void> {
    const atMs = serverMs();
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
      this.#take({ kind: 'added', zone: id }, [...zones, zone]);
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
    if (shown && shown !== this.#draft?.zones) this.#take(step, shown);
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
      this.#take({ kind: 'removed', zone: id }, zones);
    });
  }

  /** The caller has asked `whyNotCalled`. */
  rename(id: string, to: string): void {
    batch(() => {
      this.#take({ kind: 'renamed', zone: to }, withZone(this.#now(), id, { id: to }));
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
    if (zone) this.#take(step, withZone(this.#now(), id, { points: points(zone) }));
  }

  #replace(id: string, change: Partial<Zone>): void {
    this.#take({ kind: 'kind', zone: id }, withZone(this.#now(), id, change));
  }

  #preview(id: string, points: readonly Point[]): void {
    this.zones.value = withZone(this.#now(), id, { points });
  }

  #take(step: Step, zones: readonly Zone[]): void {
    // The answer brings the zones in force: a step that is taken meanwhile would be lost.
    if (this.saving.peek().kind !== 'asking') this.#draft?.take(step, zones);
    this.#show();
  }

  #show(): void {
    batch(() => {
      this.zones.value = this.#draft?.zones ?? null;
      this.steps.value = this.#draft?.steps ?? [];
      this.mayRedo.value = this.#draft?.mayRedo ?? false;
      if (this.#draft && !this.#draft.zone(this.chosen.peek())) this.chosen.value = null;
      if (this.saving.peek().kind !== 'asking') this.saving.value = { kind: 'idle' };
    });
  }
}

/** Where the name of a zone stands. */
export function nameAt({ points }: Zone): Point {
  return centreOf(points);
}
