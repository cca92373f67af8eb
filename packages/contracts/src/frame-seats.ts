import { z } from 'zod';

/**
 * How readers in other threads and processes take frames: byte layouts of the seat table and of a reader's page, and
 * the messages by which a process gets a seat (docs/protocol/frame-readers.md). Little-endian. Only the supplier writes
 * the seat table, only its reader writes a page; all others map them read-only.
 */

/** "VIGIASEA" */
export const SEATS_MAGIC = 'VIGIASEA';
/** "VIGIARDR" */
export const READER_PAGE_MAGIC = 'VIGIARDR';
/** Version of both layouts and of the messages. Any other is refused. */
export const SEATS_VERSION = 1;

/**
 * Offsets in the header of a seat table, in bytes. `version`, `writerPid`, `state` and `heartbeat` are where a frame
 * segment has them, so that one sweep handles both.
 */
export const SEATS_HEADER = {
  /** 8 bytes ASCII {@link SEATS_MAGIC}, written last. */
  magic: 0,
  /** u32 {@link SEATS_VERSION}. */
  version: 8,
  /** u32 number of seats. */
  seatCount: 12,
  /** u64 random per creation. */
  epoch: 16,
  /** u32 process id of the supplier. */
  writerPid: 40,
  /** u32 1 = live, 2 = closed. */
  state: 44,
  /** u64 monotonic ns, renewed every {@link SEATS_HEARTBEAT_MS} while any seat is taken. */
  heartbeat: 64,
} as const;

/** Milliseconds between two heartbeats of a seat table. */
export const SEATS_HEARTBEAT_MS = 500;
/**
 * A heartbeat older than this means that the supplier has died (or is stopped: a reader cannot tell the difference).
 */
export const SEATS_LOST_MS = 2_000;

/** Offset of the first entry of a seat table, in bytes. */
export const SEATS_TABLE_OFFSET = 4096;
/** Bytes per seat: one cache line. */
export const SEAT_BYTES = 64;
/** Most seats in one table. */
export const SEATS_MAX = 256;

/** Offsets in a seat's entry, in bytes. */
export const SEAT = {
  /** u32 incremented after every change that concerns the reader: the word to wait on. */
  bell: 0,
  /** u32, see {@link SEAT_STATE}. */
  state: 4,
  /** u32 deliveries since the seat was taken (wraps). Equal to the reader's `ready`: the offer below is for it. */
  delivered: 8,
  /** u32 1 while a due frame waits for this reader: a reader that becomes ready must ring then. */
  wanted: 12,
  /** u64 frame id × 4096 + slot of the offered frame. */
  frame: 16,
  /** u64 generation of the slot. */
  generation: 24,
  /** u64 epoch of the segment that holds it. */
  epoch: 32,
  /** u64 monotonic ns after which the offer is too old to be taken. */
  staleFrom: 40,
} as const;

/** Values of {@link SEAT}.state. */
export const SEAT_STATE = { free: 0, open: 1, closed: 2 } as const;

/** Bytes of a whole seat table. */
export function seatTableBytes(seats: number): number {
  return Math.ceil((SEATS_TABLE_OFFSET + seats * SEAT_BYTES) / 4096) * 4096;
}

/** Bytes of a reader's page. */
export const READER_PAGE_BYTES = 4096;

/** Offsets in a reader's page, in bytes. */
export const READER_PAGE = {
  /** 8 bytes ASCII {@link READER_PAGE_MAGIC}. */
  magic: 0,
  /** u32 {@link SEATS_VERSION}. */
  version: 8,
  /** u32 process id of the reader. */
  writerPid: 40,
  /** u64 monotonic ns of creation; where a segment has its heartbeat. */
  heartbeat: 64,
  /** u32 requests made since the seat was taken (wraps). `delivered + 1` means "I am waiting". */
  ready: 128,
  /** u32 deliveries given back (wraps). */
  settled: 132,
  /** u32 deliveries given back unused: overtaken, stale, or overwritten while being read (wraps). */
  expired: 136,
  /** u64 frame id of the newest frame that the reader's user received. */
  taken: 144,
} as const;

/** Longest attach message in bytes, either way. */
export const ATTACH_LIMIT_BYTES = 4_096;

/** How a reader wants to be woken: a byte on its socket, or FUTEX_WAKE on its seat's `bell`. */
export const wakeSchema = z.enum(['socket', 'futex']);
/** See {@link wakeSchema}. */
export type Wake = z.infer<typeof wakeSchema>;

/** Reader → supplier: the first and only message. Both sides ignore unknown members, so that version 1 can grow. */
export const attachRequestSchema = z.object({
  op: z.literal('attach'),
  protocol: z.literal(SEATS_VERSION),
  /** The consumer's id, unique while attached. */
  reader: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/),
  /** Path of the reader's page: a regular file directly in /dev/shm. */
  page: z.string().regex(/^\/dev\/shm\/[A-Za-z0-9._-]{1,200}$/),
  wake: wakeSchema,
  /** At most this many frames per second; absent: every frame. */
  fps: z.number().positive().finite().optional(),
});
/** See {@link attachRequestSchema}. */
export type AttachRequest = z.infer<typeof attachRequestSchema>;

/** Why the attach failed. */
export const attachErrorCodeSchema = z.enum([
  'bad_request',
  'duplicate_consumer',
  'invalid_page',
  'seats_full',
  'supplier_stopped',
]);
/** See {@link attachErrorCodeSchema}. */
export type AttachErrorCode = z.infer<typeof attachErrorCodeSchema>;

/** Supplier → reader: the first and only message. After an error the connection is closed. */
export const attachResponseSchema = z.union([
  z.object({
    seat: z
      .int()
      .min(0)
      .max(SEATS_MAX - 1),
    /** Path of the seat table. */
    seats: z.string(),
    /** Its epoch. */
    epoch: z.string().regex(/^\d+$/),
    /** Path of the frame segment. Successors use the same path. */
    segment: z.string(),
    error: z.null(),
  }),
  z.object({ error: z.object({ code: attachErrorCodeSchema, message: z.string() }) }),
]);
/** See {@link attachResponseSchema}. */
export type AttachResponse = z.infer<typeof attachResponseSchema>;
