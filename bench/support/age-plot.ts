/** One result. */
export interface Aged {
  /** Since the start of the window, milliseconds. */
  readonly atMs: number;
  readonly ageMs: number;
}

/** An annotated time. */
export interface Span {
  readonly fromS: number;
  readonly toS: number;
  readonly name: string;
}

/** One line of the plot. */
export interface Series {
  readonly name: string;
  readonly colour: string;
  readonly ages: readonly Aged[];
}

/** The name at the end of a line. */
interface Label {
  readonly at: number;
  readonly name: string;
  readonly colour: string;
}

const WIDTH = 860;
const HEIGHT = 440;
const LEFT = 74;
const RIGHT = 190;
const TOP = 56;
const BOTTOM = 52;
/** Milliseconds at the lower edge, and at the upper one by default. */
const LEAST = 10;
const MOST = 100_000;
/** One point of a line, seconds. */
const STEP_S = 0.5;

/** Ages over time with a logarithmic scale, as SVG: a line is the median of half a second, the band around it p5 to p99. */
export function plotOf(
  series: readonly Series[],
  seconds: number,
  title: string,
  { spans = [], mostMs = MOST }: { readonly spans?: readonly Span[]; readonly mostMs?: number } = {},
): string {
  const x = (s: number): number => LEFT + (s / seconds) * (WIDTH - LEFT - RIGHT);
  const y = (ms: number): number => {
    const share = Math.log(Math.min(mostMs, Math.max(LEAST, ms)) / LEAST) / Math.log(mostMs / LEAST);
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
  };
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="DejaVu Sans, Verdana, sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(LEFT, 26, title, '#16161a', 'start', 16),
  ];
  for (const { fromS, toS, name } of spans) {
    parts.push(
      `<rect x="${round(x(fromS))}" y="${TOP}" width="${round(x(toS) - x(fromS))}" height="${HEIGHT - TOP - BOTTOM}" fill="#f3f0e6"/>`,
      text((x(fromS) + x(toS)) / 2, TOP + 16, name, '#8a7a4a', 'middle'),
    );
  }
  for (const [ms, name] of TICKS.filter(([at]) => at <= mostMs)) {
    parts.push(
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${round(y(ms))}" y2="${round(y(ms))}" stroke="#dcdce2"/>`,
      text(LEFT - 8, y(ms) + 4, name, '#55555f', 'end'),
    );
  }
  for (let s = 0; s <= seconds; s += seconds / 4)
    parts.push(text(x(s), HEIGHT - BOTTOM + 20, `${s} s`, '#55555f', 'middle'));
  parts.push(text(LEFT, TOP - 10, 'age of the picture when its result was there', '#55555f', 'start'));
  const labels: Label[] = [];
  for (const { name, colour, ages } of series) {
    const points = binned(ages, seconds);
    const last = points.at(-1);
    if (!last) continue;
    const upper = points.map((p) => `${round(x(p.s))},${round(y(p.high))}`);
    const lower = points.toReversed().map((p) => `${round(x(p.s))},${round(y(p.low))}`);
    const line = points.map((p) => `${round(x(p.s))},${round(y(p.mid))}`);
    parts.push(
      `<polygon points="${[...upper, ...lower].join(' ')}" fill="${colour}" opacity="0.14"/>`,
      `<polyline points="${line.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    );
    labels.push({ at: y(last.mid), name, colour });
  }
  parts.push(...placed(labels).map(({ at, name, colour }) => text(WIDTH - RIGHT + 10, at + 4, name, colour, 'start')));
  return `${[...parts, '</svg>'].join('\n')}\n`;
}

const TICKS: readonly (readonly [ms: number, name: string])[] = [
  [10, '10 ms'],
  [100, '100 ms'],
  [1_000, '1 s'],
  [10_000, '10 s'],
  [100_000, '100 s'],
];

interface Point {
  readonly s: number;
  readonly low: number;
  readonly mid: number;
  readonly high: number;
}

function binned(ages: readonly Aged[], seconds: number): Point[] {
  const points: Point[] = [];
  for (let s = 0; s < seconds; s += STEP_S) {
    const within = ages
      .filter((a) => a.atMs >= s * 1000 && a.atMs < (s + STEP_S) * 1000)
      .map((a) => a.ageMs)
      .sort((a, b) => a - b);
    const at = (q: number): number => within[Math.min(within.length - 1, Math.floor(q * within.length))] ?? 0;
    if (within.length > 0) points.push({ s: s + STEP_S / 2, low: at(0.05), mid: at(0.5), high: at(0.99) });
  }
  return points;
}

/** Stacks labels of lines that end close together. */
function placed(labels: readonly Label[]): Label[] {
  let below = -Infinity;
  return [...labels]
    .sort((a, b) => a.at - b.at)
    .map(({ at, name, colour }) => {
      below = Math.max(at, below + 17);
      return { at: below, name, colour };
    });
}

function text(x: number, y: number, words: string, colour: string, anchor: string, size = 13): string {
  return `<text x="${round(x)}" y="${round(y)}" fill="${colour}" text-anchor="${anchor}" font-size="${size}">${words}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
