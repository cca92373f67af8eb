// What somebody changes of a camera before it is saved, and how a change is drawn. Pure: no DOM, no clock.

/** Of a consumer, as the configuration has it. */
export interface ConsumerSettings {
  readonly model?: string;
  readonly worker?: string;
  readonly enabled?: boolean;
  /** Absent: as many pictures as it can take. */
  readonly fps?: number;
  readonly sla?: string;
}

/** Of a camera, as the configuration has it, without secrets. */
export interface CameraSettings {
  readonly source?: string;
  readonly detect_source?: string;
  readonly name?: string;
  readonly consumers?: Readonly<Record<string, ConsumerSettings>>;
  readonly record?: { readonly mode?: string };
}

/** A consumer in the form. `fps` is what was typed. */
export interface ConsumerDraft {
  readonly enabled: boolean;
  readonly fps: string;
}

/** The form of a camera. */
export interface CameraDraft {
  readonly camera: string;
  /** The revision that was in force when the form was opened. */
  readonly revision: number;
  /** The settings of that revision. */
  readonly before: CameraSettings;
  /** Empty: made from its id. */
  readonly name: string;
  readonly consumers: Readonly<Record<string, ConsumerDraft>>;
}

/** What the node gets: only what differs. */
export interface CameraPatch {
  readonly name?: string | null;
  readonly consumers?: Readonly<Record<string, { readonly enabled?: boolean; readonly fps?: number | null }>>;
}

/** One path that differs. `before` is null for one that was added, `after` for one that was removed. Both: how is not known. */
export interface Difference {
  readonly path: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** One line on the screen. */
export interface DiffLine {
  readonly kind: 'same' | 'added' | 'removed';
  readonly text: string;
}

const FPS_MOST = 120;

/** A form as the settings are. */
export function draftOf(camera: string, before: CameraSettings, revision: number): CameraDraft {
  const consumers = Object.entries(before.consumers ?? {}).map(([id, { enabled = true, fps }]) => [
    id,
    { enabled, fps: fps === undefined ? '' : String(fps) },
  ]);
  return { camera, revision, before, name: before.name ?? '', consumers: Object.fromEntries(consumers) };
}

/** Null: as many as it can take. Undefined: what was typed is no rate. */
export function fpsOf(typed: string): number | null | undefined {
  const text = typed.trim().replace(',', '.');
  if (text === '') return null;
  const fps = Number(text);
  return fps > 0 && fps <= FPS_MOST ? fps : undefined;
}

/** Consumers whose rate is none. */
export function wrongRates({ consumers }: CameraDraft): readonly string[] {
  return Object.keys(consumers).filter((id) => fpsOf(consumers[id]?.fps ?? '') === undefined);
}

/** Nobody would look at the camera any more, and somebody does now. */
export function wouldBlind({ before, consumers }: CameraDraft): boolean {
  const looks = Object.values(before.consumers ?? {}).some(({ enabled = true }) => enabled);
  return looks && !Object.values(consumers).some(({ enabled }) => enabled);
}

/** What the form changes; null: nothing. */
export function patchOf(draft: CameraDraft): CameraPatch | null {
  const name = draft.name.trim();
  const patch: { name?: string | null; consumers?: Record<string, { enabled?: boolean; fps?: number | null }> } = {};
  if (name !== (draft.before.name ?? '')) patch.name = name === '' ? null : name;
  for (const [id, { enabled, fps: typed }] of Object.entries(draft.consumers)) {
    const before = draft.before.consumers?.[id];
    const fps = fpsOf(typed);
    const change = {
      ...(enabled === (before?.enabled ?? true) ? {} : { enabled }),
      ...(fps === undefined || fps === (before?.fps ?? null) ? {} : { fps }),
    };
    if (Object.keys(change).length > 0) patch.consumers = { ...patch.consumers, [id]: change };
  }
  return Object.keys(patch).length === 0 ? null : patch;
}

/** The same, to read before it is saved. */
export function differencesOf(draft: CameraDraft): Difference[] {
  const { name, consumers = {} } = patchOf(draft) ?? {};
  const path = `cameras.${draft.camera}`;
  const differences: Difference[] = [];
  const differs = (at: string, before: Value, after: Value): void => {
    // Undefined: the form does not change it.
    if (after !== undefined) differences.push({ path: `${path}.${at}`, before: shown(before), after: shown(after) });
  };
  for (const [id, { enabled, fps }] of Object.entries(consumers)) {
    const before = draft.before.consumers?.[id];
    differs(`consumers.${id}.enabled`, before?.enabled ?? true, enabled);
    differs(`consumers.${id}.fps`, before?.fps, fps);
  }
  differs('name', draft.before.name, name);
  return differences;
}

type Value = string | number | boolean | null | undefined;

function shown(value: Value): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value);
}

/** Lines to draw: differences under the path that they share. */
export function diffLines(differences: readonly Difference[]): DiffLine[] {
  const lines: DiffLine[] = [];
  let above = '';
  for (const { path, before, after } of differences) {
    if (before === null && after === null) {
      lines.push({ kind: 'same', text: path });
      above = '';
      continue;
    }
    const cut = path.lastIndexOf('.');
    const parent = path.slice(0, Math.max(0, cut));
    if (parent !== above && parent !== '') lines.push({ kind: 'same', text: `${parent}:` });
    above = parent;
    const key = `${parent === '' ? '' : '  '}${path.slice(cut + 1)}`;
    const line = (value: string): string => (value === '' ? key : `${key}: ${value}`);
    if (before !== null) lines.push({ kind: 'removed', text: line(before) });
    if (after !== null) lines.push({ kind: 'added', text: line(after) });
  }
  return lines;
}

/** A line as the node writes it: `cameras.hall.name: "Hall" → "Door"`, `cameras.hall: added`. */
export function differenceOf(change: string): Difference {
  const [, path = change, what = ''] = /^([^:]+): (.*)$/s.exec(change) ?? [];
  if (what === 'added') return { path, before: null, after: '' };
  if (what === 'removed') return { path, before: '', after: null };
  const values = what.split(' → ');
  // An arrow in a value: which one divides them is not known.
  if (values.length !== 2) return { path: change, before: null, after: null };
  return { path, before: values[0] ?? '', after: values[1] ?? '' };
}
