import type { VNode } from 'preact';

/** Line icons on a grid of 16: SVG path data, and circles as `[x, y, radius]`. */
const ICONS = {
  alarm: { paths: ['M8 2 14.5 13.5h-13z', 'M8 6.5v3.2M8 11.6v.1'] },
  blind: {
    paths: [
      'M2 2l12 12M6.2 4.2A6.6 6.6 0 0 1 8 4c4 0 6 4 6 4a11 11 0 0 1-1.7 2.2M9.9 11.6A6 6 0 0 1 8 12c-4 0-6-4-6-4a11 11 0 0 1 2.3-2.7',
    ],
  },
  bed: {
    paths: ['M1.8 12.8V3.6M1.8 10.4h12.4v2.4M14.2 10.4V8.2c0-1-.7-1.7-1.7-1.7H6.6v3.9'],
    circles: [[4.2, 7.6, 1.2]],
  },
  edge: { paths: ['M1.8 13V9.6h12.4V13', 'M7 5v4.2h3.2V13'], circles: [[7, 3, 1.5]] },
  person: { paths: ['M3.6 14c0-3.4 1.8-5.2 4.4-5.2s4.4 1.8 4.4 5.2'], circles: [[8, 4.3, 2.3]] },
  nobody: { paths: [], circles: [[8, 8, 4.6]] },
  thing: { paths: ['M3 5.4 8 2.8l5 2.6v5.4L8 13.4l-5-2.6zM3 5.4 8 8l5-2.6M8 8v5.4'] },
  old: { paths: ['M2.5 8A5.5 5.5 0 1 0 4.2 4', 'M2.3 2.6v2.6h2.6M8 5v3.2l2 1.3'] },
  nopic: {
    paths: [
      'M1.8 5.4c0-.8.6-1.4 1.4-1.4H9c.8 0 1.4.6 1.4 1.4V12H3.2c-.8 0-1.4-.6-1.4-1.4z',
      'M10.4 7 14 5v6l-3.6-2M1.5 14.5l13-13',
    ],
  },
  camera: {
    paths: ['M1.8 5.4c0-.8.6-1.4 1.4-1.4H9c.8 0 1.4.6 1.4 1.4V12H3.2c-.8 0-1.4-.6-1.4-1.4z', 'M10.4 7 14 5v6l-3.6-2'],
  },
  slow: { paths: ['M8 4.6v3.6l2.2 1.4'], circles: [[8, 8, 5.8]] },
  off: { paths: ['M5.5 8h5'], dashed: [8, 8, 5.8] },
  back: { paths: ['M9.5 3.5 5 8l4.5 4.5'] },
  forth: { paths: ['M6.5 3.5 11 8l-4.5 4.5'] },
  check: { paths: ['M3 8.5l3.2 3.2L13 4.8'] },
  pulse: { paths: ['M1.8 8h2.4l1.8-4.6 3.2 9.2L11 8h3.2'] },
  moon: { paths: ['M13 9.6A5.6 5.6 0 0 1 6.4 3a5.6 5.6 0 1 0 6.6 6.6z'] },
  help: { paths: ['M6.2 6.2a1.9 1.9 0 1 1 2.6 1.8c-.6.3-.8.6-.8 1.3M8 11.4v.1'], circles: [[8, 8, 6]] },
  leave: { paths: ['M6.4 2.8H3.6c-.5 0-.8.3-.8.8v8.8c0 .5.3.8.8.8h2.8M10 5l3 3-3 3M13 8H6.4'] },
  choose: { paths: ['M3 3l4.4 10 1.5-4.2L13 7.4z'] },
  area: {
    paths: ['M3 5.5 9 2.8l4.4 4.6-2.8 6H4.4z'],
    circles: [
      [3, 5.5, 1],
      [9, 2.8, 1],
      [13.4, 7.4, 1],
    ],
  },
  floor: { paths: ['M5 5h6l3.4 7H1.6zM8 5v7M3.6 8.4h8.8'] },
  chair: { paths: ['M4.4 2.4v6.4h7.2M11.6 8.8v5M4.4 8.8v5M4.4 6h6.4c.5 0 .8.4.8.8v2'] },
  ignore: { paths: ['M4 12 12 4'], circles: [[8, 8, 5.8]] },
  privacy: { paths: ['M8 1.8 13.2 4v3.8c0 3.2-2.2 5.4-5.2 6.4-3-1-5.2-3.2-5.2-6.4V4z'] },
  undo: { paths: ['M3 6.5h6.5a3.5 3.5 0 0 1 0 7H6', 'M5.6 3.8 3 6.5l2.6 2.7'] },
  redo: { paths: ['M13 6.5H6.5a3.5 3.5 0 0 0 0 7H10', 'M10.4 3.8 13 6.5l-2.6 2.7'] },
  list: { paths: ['M5.5 4h8M5.5 8h8M5.5 12h8M2.6 4h.1M2.6 8h.1M2.6 12h.1'] },
  down: { paths: ['M8 2.5v8M4.8 7.4 8 10.6l3.2-3.2M2.5 13.5h11'] },
  close: { paths: ['M4 4l8 8M12 4l-8 8'] },
  sound: { paths: ['M2.2 6.2h2.4l3-2.6v8.8l-3-2.6H2.2z', 'M10.2 6a2.9 2.9 0 0 1 0 4M12 4.2a5.4 5.4 0 0 1 0 7.6'] },
  silent: { paths: ['M2.2 6.2h2.4l3-2.6v8.8l-3-2.6H2.2z', 'M10.6 6.2l3.6 3.6M14.2 6.2l-3.6 3.6'] },
  wait: { paths: ['M3.6 8h.1M8 8h.1M12.4 8h.1'] },
  lost: {
    paths: [
      'M2 6a9 9 0 0 1 3.4-2M14 6a9 9 0 0 0-5.6-2.2M4.2 8.6A5.6 5.6 0 0 1 7 7.1M11.8 8.6l-1-.7M6.4 11a2.4 2.4 0 0 1 3.2 0M8 13.2v.1M2 2l12 12',
    ],
  },
} as const satisfies Record<string, Drawing>;

type Circle = readonly [number, number, number];

interface Drawing {
  readonly paths: readonly string[];
  readonly circles?: readonly Circle[];
  readonly dashed?: Circle;
}

/** The name of an icon. */
export type IconName = keyof typeof ICONS;

/** An icon beside its word; `size`: `s` 14, `m` 16, `l` 20 pixels. */
export function Icon({ name, size = 'm' }: { name: IconName; size?: 's' | 'm' | 'l' }): VNode {
  const { paths, circles = [], dashed }: Drawing = ICONS[name];
  return (
    <svg class={`i ${size}`} viewBox="0 0 16 16" aria-hidden="true">
      {paths.map((d) => (
        <path key={d} d={d} />
      ))}
      {circles.map(([cx, cy, r]) => (
        <circle key={cx} cx={cx} cy={cy} r={r} />
      ))}
      {dashed !== undefined && <circle cx={dashed[0]} cy={dashed[1]} r={dashed[2]} stroke-dasharray="2.4 2.2" />}
    </svg>
  );
}

/** The mark of vigia. */
export function Brand(): VNode {
  return (
    <svg viewBox="0 0 20 20" aria-hidden="true">
      <rect x="2" y="9" width="3" height="9" rx="1" fill="currentColor" opacity=".35" />
      <rect x="6.6" y="6" width="3" height="12" rx="1" fill="currentColor" opacity=".55" />
      <rect x="11.2" y="10" width="3" height="8" rx="1" fill="currentColor" opacity=".8" />
      <rect x="15.8" y="2" width="3" height="16" rx="1" fill="currentColor" />
    </svg>
  );
}
