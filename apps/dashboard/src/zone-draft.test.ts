import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cornerAt,
  crosses,
  inside,
  middleOf,
  moved,
  newId,
  type Point,
  type Rules,
  rulesRenamed,
  type VisitSettings,
  whyNotCalled,
  withVisits,
  withZone,
  type Zone,
  ZoneDraft,
} from './zone-draft.ts';

const SQUARE: Point[] = [
  [0.1, 0.1],
  [0.5, 0.1],
  [0.5, 0.5],
  [0.1, 0.5],
];
const points = SQUARE.map(([x, y]): [number, number] => [x, y]);

function draftOf(rules: Rules = {}): ZoneDraft {
  const zones = { bed: { kind: 'bed', points }, mirror: { kind: 'ignore', points } } as const;
  return new ZoneDraft({ zones, rules });
}

/** Steps of which nothing but their names matters. */
function change(draft: ZoneDraft, id: string, with_: Partial<Zone>): void {
  draft.take({ kind: 'kind', zone: id }, { zones: withZone(draft.zones, id, with_) });
}

function rename(draft: ZoneDraft, id: string, to: string): void {
  const zones = withZone(draft.zones, id, { id: to });
  draft.take({ kind: 'renamed', zone: to }, { zones, rules: rulesRenamed(draft.rules, id, to) });
}

describe('a draft of zones', () => {
  test('nothing is saved that is as it was, also after a way there and back', () => {
    const draft = draftOf();
    expect(draft.patch()).toBeNull();
    change(draft, 'bed', { kind: 'chair' });
    change(draft, 'bed', { kind: 'bed' });
    expect(draft.patch()).toBeNull();
    expect(draft.steps).toHaveLength(2);
  });

  test('only what changed is saved: what is new, what is gone, and what is another', () => {
    const draft = draftOf();
    change(draft, 'bed', { points: cornerAt(points, 0, [0.2, 0.2]) });
    draft.take({ kind: 'removed', zone: 'mirror' }, { zones: draft.zones.slice(0, 1) });
    const floor: Zone = { id: 'floor', from: null, kind: 'floor', points };
    draft.take({ kind: 'added', zone: 'floor' }, { zones: [...draft.zones, floor] });
    expect(draft.patch()).toEqual({
      zones: {
        bed: { points: [[0.2, 0.2], ...points.slice(1)] },
        mirror: null,
        floor: { kind: 'floor', points },
      },
    });
  });

  test('what a privacy zone allowed is taken back with it', () => {
    const draft = new ZoneDraft({ zones: { bath: { kind: 'privacy', points, recorded: true } }, rules: {} });
    change(draft, 'bath', { kind: 'ignore', recorded: undefined });
    expect(draft.patch()).toEqual({ zones: { bath: { recorded: null, kind: 'ignore' } } });
  });

  test('rules follow a zone to its new name, and no other zone', () => {
    const stove = { alarm: 'occupied' } as const;
    const draft = draftOf({
      bed: { from: 'people', zone: 'bed' },
      visits: { from: 'people', zones: { bed: stove, mirror: {} } },
    });
    rename(draft, 'bed', 'mum');
    expect(draft.patch()).toEqual({
      zones: { bed: null, mum: { kind: 'bed', points } },
      rules: { bed: { zone: 'mum' }, visits: { zones: { bed: null, mum: stove } } },
    });
    expect([...draft.renamed]).toEqual([['bed', 'mum']]);
    draft.undo();
    rename(draft, 'mirror', 'glass');
    expect(draft.patch()).toEqual({
      zones: { mirror: null, glass: { kind: 'ignore', points } },
      rules: { visits: { zones: { mirror: null, glass: {} } } },
    });
    expect(draft.settings().rules.bed?.zone).toBe('bed');
  });

  test('two zones that change names keep their rules', () => {
    const draft = draftOf({ visits: { from: 'people', zones: { bed: { alarm: 'occupied' }, mirror: {} } } });
    rename(draft, 'bed', 'other');
    rename(draft, 'mirror', 'bed');
    rename(draft, 'other', 'mirror');
    expect(draft.patch()).toEqual({
      zones: { bed: { kind: 'ignore' }, mirror: { kind: 'bed' } },
      rules: { visits: { zones: { bed: { alarm: null }, mirror: { alarm: 'occupied' } } } },
    });
  });

  test('an alarm is turned on, changed and off; a rule without a zone is none', () => {
    const draft = draftOf();
    const set = (settings: VisitSettings | undefined): void =>
      draft.take({ kind: 'alarm', zone: 'bed' }, { rules: withVisits(draft.rules, 'people', 'bed', settings) });
    set({ alarm: 'empty', after: '12h' });
    expect(draft.patch()).toEqual({
      rules: { visits: { from: 'people', zones: { bed: { alarm: 'empty', after: '12h' } } } },
    });
    set(undefined);
    expect(draft.patch()).toBeNull();
    const watched = draftOf({
      fall: { from: 'people' },
      visits: { from: 'faces', zones: { bed: { alarm: 'occupied', hours: '21:00-07:00' }, mirror: {} } },
    });
    watched.take({ kind: 'alarm', zone: 'bed' }, { rules: withVisits(watched.rules, 'people', 'bed', {}) });
    expect(watched.patch()).toEqual({ rules: { visits: { zones: { bed: { alarm: null, hours: null } } } } });
    expect(watched.rules.visits?.from).toBe('faces');
    for (const id of ['bed', 'mirror'])
      watched.take({ kind: 'alarm', zone: id }, { rules: withVisits(watched.rules, 'people', id, undefined) });
    expect(watched.patch()).toEqual({ rules: { visits: null } });
  });

  test('steps go back and forth; a new one forgets what was undone', () => {
    const draft = draftOf();
    for (const kind of ['chair', 'floor', 'area'] as const) change(draft, 'bed', { kind });
    draft.undo();
    draft.undo();
    expect(draft.zone('bed')?.kind).toBe('chair');
    draft.redo();
    expect(draft.zone('bed')?.kind).toBe('floor');
    expect(draft.mayRedo).toBe(true);
    change(draft, 'bed', { kind: 'privacy' });
    expect(draft.mayRedo).toBe(false);
    draft.redo();
    expect(draft.zone('bed')?.kind).toBe('privacy');
    draft.undoTo(1);
    expect(draft.zone('bed')?.kind).toBe('chair');
    draft.undoTo(0);
    draft.undo();
    expect(draft.zone('bed')?.kind).toBe('bed');
  });

  test('presses of one arrow are one step, unless something was undone or came between', () => {
    const draft = draftOf();
    const press = (x: number): void =>
      draft.take(
        { kind: 'corner', zone: 'bed', key: 'bed 0' },
        { zones: withZone(draft.zones, 'bed', { points: cornerAt(points, 0, [x, 0]) }) },
      );
    for (const x of [0.2, 0.3, 0.4]) press(x);
    expect(draft.steps).toHaveLength(1);
    change(draft, 'mirror', { kind: 'area' });
    press(0.45);
    expect(draft.steps).toHaveLength(3);
    draft.undo();
    press(0.2);
    expect(draft.steps).toHaveLength(3);
    draft.undoTo(1);
    press(0.25);
    expect(draft.steps).toHaveLength(2);
    draft.undoTo(0);
    expect(draft.zone('bed')?.points).toEqual(points);
  });
});

describe('an outline', () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  const outline = fc.array(fc.tuple(share, share), { minLength: 3, maxLength: 32 });

  test('stays in the picture and keeps its form, however far it is moved', () => {
    fc.assert(
      fc.property(outline, fc.double({ min: -3, max: 3, noNaN: true }), (zone, by) => {
        const rounded = zone.map(inside);
        const after = moved(rounded, [by, -by]);
        after.forEach(([x, y], i) => {
          expect(x >= 0 && x <= 1 && y >= 0 && y <= 1).toBe(true);
          expect(x - (after[0]?.[0] ?? 0)).toBeCloseTo((rounded[i]?.[0] ?? 0) - (rounded[0]?.[0] ?? 0), 3);
          expect(y - (after[0]?.[1] ?? 0)).toBeCloseTo((rounded[i]?.[1] ?? 0) - (rounded[0]?.[1] ?? 0), 3);
        });
      }),
      { seed: 37 },
    );
    expect(moved(SQUARE, [9, 0])).toEqual([
      [0.6, 0.1],
      [1, 0.1],
      [1, 0.5],
      [0.6, 0.5],
    ]);
  });

  test('crosses itself where the node says so', () => {
    expect(crosses(SQUARE)).toBe(false);
    expect(crosses([SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3]] as Point[])).toBe(true);
    // A corner that only touches a side is none.
    const touching: Point[] = [
      [0, 0],
      [1, 0],
      [1, 1],
      [0.5, 0],
      [0, 1],
    ];
    expect(crosses(touching)).toBe(false);
    // A corner that only touches another side is none.
    expect(
      crosses([
        [0, 0],
        [1, 0],
        [0.5, 0.5],
        [1, 1],
        [0, 1],
        [0.5, 0.5],
      ]),
    ).toBe(false);
  });

  test('has a middle between its last corner and its first', () => {
    expect(middleOf(SQUARE, 3)).toEqual([0.1, 0.3]);
  });
});

test('names: a free one for a new zone, and a reason why not', () => {
  const { zones } = draftOf();
  const [bed] = zones as [Zone];
  expect([newId(zones, 'bed'), newId(zones, 'floor')]).toEqual(['bed-2', 'floor']);
  // The name that it had is not free either: it would be taken for the old zone.
  expect(newId(withZone(zones, 'bed', { id: 'mum' }), 'bed')).toBe('bed-2');
  expect(whyNotCalled(zones, bed, 'bed')).toBeNull();
  expect(whyNotCalled(zones, bed, 'mirror')).toBe('taken');
  for (const id of ['', 'Bed', '-bed', 'a b', 'x'.repeat(64)]) expect(whyNotCalled(zones, bed, id)).toBe('form');
});
