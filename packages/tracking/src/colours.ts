/**
 * Mean Y, U and V, each 0 to 255, of the upper part of an object (a shirt) and of the lower part (trousers): two people who
 * look alike to a detector seldom wear the same. Six numbers.
 */
export type Colours = readonly [number, number, number, number, number, number];

/** One standard deviation of the same clothes in another light, or from another side. */
const BRIGHTNESS = 30;
const TINT = 5;
/** What one of the numbers counts at most: a stranger in front hides a part. */
const MOST_EACH = 4;
/** Share of a new sighting. */
const GAIN = 0.1;

/** Squared distance in standard deviations: 0 to 24. 0 when one of them is not known. */
export function unlikeness(a: Colours | undefined, b: Colours | undefined): number {
  if (!a || !b) return 0;
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) {
    const off = ((a[i] as number) - (b[i] as number)) / (i % 3 === 0 ? BRIGHTNESS : TINT);
    sum += Math.min(MOST_EACH, off ** 2);
  }
  return sum;
}

/** What is known of an object's colours after another sighting. */
export function learned(known: Colours | undefined, seen: Colours | undefined): Colours | undefined {
  if (!known || !seen) return known ?? seen;
  return known.map((value, i) => value + GAIN * ((seen[i] as number) - value)) as unknown as Colours;
}
