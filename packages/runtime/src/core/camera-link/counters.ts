import { cameraReportSchema, type ConsumerReport, consumerReportSchema } from '@vigia/contracts';
import { z } from 'zod';

const count = z.int().min(0);

/** The counters that a consumer keeps itself. Its owner adds the rest of the report. */
export type ConsumerCounts = Omit<ConsumerReport, 'age_ms' | 'restarts' | 'sla_window' | 'slowed'>;
/** One consumer's part of a snapshot. A model's consumer always has 0 `restarts`. */
export type ConsumerSnapshot = Omit<ConsumerReport, 'age_ms'>;

/** Counters of one camera process, taken in one turn of its event loop, so that the equations of AD2 hold. */
export interface CameraSnapshot {
  readonly capture: {
    readonly captured: number;
    readonly published: number;
    readonly noDemand: number;
    readonly undecodable: number;
    readonly late: number;
    readonly inDecoder: number;
    readonly reconnects: number;
    readonly lostPackets: number;
    readonly concealed: number;
  };
  /** Null before the first connection. */
  readonly stream: z.infer<typeof cameraReportSchema.shape.stream>;
  /** Null without a second stream. */
  readonly main: z.infer<typeof cameraReportSchema.shape.main>;
  readonly supplier: {
    readonly published: number;
    readonly distributed: number;
    readonly inboxDrops: number;
    readonly inboxPending: number;
  };
  readonly consumers: Readonly<Record<string, ConsumerSnapshot>>;
  /** Results lost because the supervisor was not reading. */
  readonly unsentResults: number;
}

/** Checks a {@link CameraSnapshot}. */
export const cameraSnapshotSchema: z.ZodType<CameraSnapshot> = z.strictObject({
  capture: z.strictObject({
    captured: count,
    published: count,
    noDemand: count,
    undecodable: count,
    late: count,
    inDecoder: count,
    reconnects: count,
    lostPackets: count,
    concealed: count,
  }),
  stream: cameraReportSchema.shape.stream,
  main: cameraReportSchema.shape.main,
  supplier: z.strictObject({ published: count, distributed: count, inboxDrops: count, inboxPending: count }),
  consumers: z.record(z.string(), consumerReportSchema.omit({ age_ms: true })),
  unsentResults: count,
});
