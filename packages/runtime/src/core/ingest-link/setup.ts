import { join } from 'node:path';
import { z } from 'zod';
import type { SourceSetup } from '#core/camera-link';
import { sourceSchema } from '#core/camera-link';
import { type RecordPolicy, recordPolicySchema } from '#core/footage';

/** Memory of an ingest process that has a bound of its own. Bytes. */
export const INGEST_MEMORY: {
  /** Units since the newest keyframe, for a camera process that starts. */
  readonly recent: number;
  /** Units that a camera process has not read. */
  readonly reader: number;
  /** Units that the disk has not taken: 16 s of 1080p at 8 Mbit/s. */
  readonly recorder: number;
} = { recent: 8 * 1024 * 1024, reader: 8 * 1024 * 1024, recorder: 16 * 1024 * 1024 };

/** The settings of an ingest process. They hold secrets: sent over the channel only. */
export interface IngestSetup {
  readonly node: string;
  readonly camera: string;
  /** Where camera processes read its units. */
  readonly socketPath: string;
  /** The stream that is recorded. */
  readonly source: SourceSetup;
  readonly policy: RecordPolicy;
  /** Directories that may hold footage of this camera. */
  readonly dirs: readonly string[];
  /** Of the seconds before an event. Bytes. */
  readonly ringBytes: number;
}

/** Checks an {@link IngestSetup}. */
export const ingestSetupSchema: z.ZodType<IngestSetup> = z.strictObject({
  node: z.string(),
  camera: z.string(),
  socketPath: z.string(),
  source: sourceSchema,
  policy: recordPolicySchema,
  dirs: z.array(z.string()),
  ringBytes: z.int().min(0),
});

/** The socket on which the units of a camera are passed on. */
export function relaySocketPath(runDir: string, camera: string): string {
  return join(runDir, `units_${camera}.sock`);
}
