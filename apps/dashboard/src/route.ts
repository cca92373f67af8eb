// Where the page is, as the part of its address behind `#`: the wall, `#/system`, `#/events`, `#/events/ID`, `#/settings`,
// `#/settings/PART`, `#/camera/ID`, or `#/camera/ID/zones`.

/** The wall. */
export const WALL = '#/';

/** The view of the node. */
export const SYSTEM = '#/system';

/** What can be set. */
export const SETTINGS = '#/settings';

const SETTINGS_PARTS = ['cameras', 'users', 'revisions'] as const;
/** A part of the settings. */
export type SettingsPart = (typeof SETTINGS_PARTS)[number];

/** A part of the settings. */
export function linkToSettings(part: SettingsPart): string {
  return `${SETTINGS}/${part}`;
}

/** The part of the settings that an address names; null: it is of another view. */
export function settingsOf(hash: string): SettingsPart | null {
  if (hash === SETTINGS) return 'cameras';
  return SETTINGS_PARTS.find((part) => hash === linkToSettings(part)) ?? null;
}

/** What was recorded. */
export const TIMELINE = '#/timeline';

/** A camera's recording at a time. Milliseconds since 1970. */
export function linkToTimeline(camera: string, ms: number): string {
  return `${TIMELINE}/${encodeURIComponent(camera)}/${new Date(ms).toISOString()}`;
}

/** The camera and the time that an address of the timeline names; null: it is of another view. */
export function timelineOf(hash: string): { readonly camera: string | null; readonly atMs: number | null } | null {
  if (hash === TIMELINE) return { camera: null, atMs: null };
  const [, id, time] = /^#\/timeline\/([^/]+)\/([\d.:TZ-]+)$/.exec(hash) ?? [];
  const [camera, atMs] = [decoded(id), Date.parse(time ?? '')];
  return camera === null || !Number.isFinite(atMs) ? null : { camera, atMs };
}

/** What happened. */
export const EVENTS = '#/events';

/** One event of it. */
export function linkToEvent(id: string): string {
  return `${EVENTS}/${id}`;
}

/** Whether an address is of the view of events. */
export function isEvents(hash: string): boolean {
  return hash === EVENTS || eventOf(hash) !== null;
}

/** The event that an address names; null: none. */
export function eventOf(hash: string): string | null {
  return /^#\/events\/([0-9A-Z]{26})$/.exec(hash)?.[1] ?? null;
}

/** The view of a camera. */
export function linkTo(camera: string): string {
  return `#/camera/${encodeURIComponent(camera)}`;
}

/** The camera that an address names; null: the wall, also for anything that is no address of a view. */
export function cameraOf(hash: string): string | null {
  return decoded(/^#\/camera\/([^/]+)$/.exec(hash)?.[1]);
}

/** The view of a camera's zones. */
export function linkToZones(camera: string): string {
  return `${linkTo(camera)}/zones`;
}

/** The camera whose zones an address names; null: it is of another view. */
export function zonesOf(hash: string): string | null {
  return decoded(/^#\/camera\/([^/]+)\/zones$/.exec(hash)?.[1]);
}

function decoded(id: string | undefined): string | null {
  try {
    return id === undefined ? null : decodeURIComponent(id);
  } catch {
    return null;
  }
}
