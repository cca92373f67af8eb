/** Hours of the day, from and to in minutes since midnight; over midnight when `to` is not later. */
export interface Hours {
  readonly from: number;
  readonly to: number;
}

const DAY = 1_440;

/** For how many minutes the hours have lasted at this minute of the day; undefined: they are over, or have not begun. */
export function minutesInto({ from, to }: Hours, minute: number): number | undefined {
  const into = (minute - from + DAY) % DAY;
  return into < (to - from + DAY) % DAY ? into : undefined;
}
