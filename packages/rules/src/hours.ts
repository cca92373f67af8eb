/** Hours of the day, from and to in minutes since midnight; over midnight when `to` is not later. */
export interface Hours {
  readonly from: number;
  readonly to: number;
}

const DAY = 1_440;
const MINUTE_MS = 60_000;

/** For how many minutes the hours have lasted at this minute of the day; undefined: they are over, or have not begun. */
export function minutesInto({ from, to }: Hours, minute: number): number | undefined {
  const into = (minute - from + DAY) % DAY;
  return into < (to - from + DAY) % DAY ? into : undefined;
}

/** The same at a time, by the clock of this machine. Milliseconds. @param wallMs Milliseconds since 1970. */
export function lastedMs(hours: Hours, wallMs: number): number | undefined {
  const at = new Date(wallMs);
  const minutes = minutesInto(hours, at.getHours() * 60 + at.getMinutes());
  return minutes === undefined ? undefined : minutes * MINUTE_MS + at.getSeconds() * 1_000;
}
