import { ID_PATTERN } from '@vigia/contracts';

/** What the name of a segment's file says: enough to list recordings without opening them. */
export interface FootageName {
  readonly camera: string;
  /** Wall time of its first picture, whole milliseconds since 1970, UTC. */
  readonly startMs: number;
  /** Position in the order in which the camera's segments were written, from 1 on. It never goes back, as a clock may. */
  readonly order: number;
  /** Kept as footage of an event. */
  readonly event: boolean;
}

/** Of `order`: 1,900 years of segments of a minute. */
const ORDER_LIMIT = 999_999_999;
const DAY = /^\d{4}-\d\d-\d\d$/;
const FILE = /^(\d\d)(\d\d)(\d\d)(\d{3})-(\d{9})(\.event)?\.mp4$/;

/** The folder of a day, UTC: `2026-11-23`. */
export function dayOf(wallMs: number): string {
  return new Date(wallMs).toISOString().slice(0, 10);
}

/** Whether a folder's name is that of a day. */
export function isFootageDay(name: string): boolean {
  return DAY.test(name) && !Number.isNaN(Date.parse(`${name}T00:00:00Z`));
}

/** The path of a segment in a footage directory: `hall/2026-11-23/140500123-000000042.event.mp4`. */
export function footagePath({ camera, startMs, order, event }: FootageName): string {
  const time = new Date(startMs).toISOString().slice(11, 23).replaceAll(/[:.]/g, '');
  return `${camera}/${dayOf(startMs)}/${time}-${String(order).padStart(9, '0')}${event ? '.event' : ''}.mp4`;
}

/** What a path in a footage directory says; undefined for a file that is no segment. */
export function parseFootagePath(path: string): FootageName | undefined {
  const [camera = '', day = '', file = '', ...more] = path.split('/');
  const parts = FILE.exec(file);
  if (!parts || more.length > 0 || !ID_PATTERN.test(camera) || !isFootageDay(day)) return undefined;
  const [, hour, minute, second, milli, order, event] = parts;
  const startMs = Date.parse(`${day}T${hour}:${minute}:${second}.${milli}Z`);
  const place = Number(order);
  if (Number.isNaN(startMs) || place < 1 || place > ORDER_LIMIT) return undefined;
  return { camera, startMs, order: place, event: event !== undefined };
}
