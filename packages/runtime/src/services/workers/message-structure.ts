/** Nested lists and maps, including the message itself. The limit for `data` is lower, and checked later. */
const NESTING_LIMIT = 64;

/** What follows the first byte of a value: the bytes of a length, then the bytes of the value. */
interface Head {
  /** Bytes of the length or count that follows. */
  readonly length: 0 | 1 | 2 | 4;
  /** Bytes without a length of their own. */
  readonly fixed: number;
  readonly kind: 'bytes' | 'list' | 'map';
}

/** By first byte, 0xc0 to 0xdf (MessagePack specification, "Formats"). 0xc1 is never used. */
const HEADS: readonly (Head | undefined)[] = [
  bytes(0),
  undefined,
  bytes(0),
  bytes(0),
  // bin 8, 16, 32; ext 8, 16, 32 have a byte for their type.
  sized(1),
  sized(2),
  sized(4),
  sized(1, 1),
  sized(2, 1),
  sized(4, 1),
  // float 32, 64; uint 8 to 64; int 8 to 64; fixext 1 to 16.
  bytes(4),
  bytes(8),
  bytes(1),
  bytes(2),
  bytes(4),
  bytes(8),
  bytes(1),
  bytes(2),
  bytes(4),
  bytes(8),
  bytes(2),
  bytes(3),
  bytes(5),
  bytes(9),
  bytes(17),
  // str 8, 16, 32; array 16, 32; map 16, 32.
  sized(1),
  sized(2),
  sized(4),
  list(2),
  list(4),
  map(2),
  map(4),
];

/**
 * Walks over a MessagePack value without decoding it. A decoder allocates memory for as many items as a list claims to
 * have, before it finds them missing: a few bytes of a hostile or broken worker could cost gigabytes.
 *
 * @returns `whole` for exactly one value; `deep` when lists and maps are nested deeper than 64 levels.
 */
export function structureOf(payload: Buffer): 'whole' | 'broken' | 'deep' {
  /** Values that must still follow, by level. */
  const open: number[] = [1];
  let at = 0;
  while (open.length > 0) {
    const left = open.at(-1) ?? 0;
    if (left === 0) {
      open.pop();
      continue;
    }
    const first = payload[at];
    if (first === undefined) return 'broken';
    open[open.length - 1] = left - 1;
    const head = headOf(first);
    if (!head || at + 1 + head.length > payload.length) return 'broken';
    const count = head.length === 0 ? inlineCount(first) : payload.readUIntBE(at + 1, head.length);
    at += 1 + head.length + head.fixed;
    if (head.kind === 'bytes') at += count;
    else if (open.length > NESTING_LIMIT) return 'deep';
    else open.push(head.kind === 'map' ? 2 * count : count);
  }
  return at === payload.length ? 'whole' : 'broken';
}

function headOf(first: number): Head | undefined {
  // Small numbers, at both ends.
  if (first < 0x80 || first >= 0xe0) return HEADS[0];
  if (first < 0x90) return MAP;
  if (first < 0xa0) return LIST;
  return first < 0xc0 ? HEADS[0] : HEADS[first - 0xc0];
}

/** The count in the first byte: items of a small list or map, bytes of a short text. */
function inlineCount(first: number): number {
  if (first >= 0x80 && first < 0xa0) return first & 0x0f;
  return first >= 0xa0 && first < 0xc0 ? first & 0x1f : 0;
}

const MAP: Head = { length: 0, fixed: 0, kind: 'map' };
const LIST: Head = { length: 0, fixed: 0, kind: 'list' };

function bytes(fixed: number): Head {
  return { length: 0, fixed, kind: 'bytes' };
}

function sized(length: 1 | 2 | 4, fixed = 0): Head {
  return { length, fixed, kind: 'bytes' };
}

function list(length: 2 | 4): Head {
  return { length, fixed: 0, kind: 'list' };
}

function map(length: 2 | 4): Head {
  return { length, fixed: 0, kind: 'map' };
}
