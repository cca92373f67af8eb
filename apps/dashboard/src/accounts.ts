import type { CameraReport, CameraStatus, ConsumerReport } from '@vigia/contracts';

/** One side of an equation is the sum of the other: `468 offered = 93 taken + 375 gated`. */
export interface Equation {
  /** A consumer, or null: the camera itself. */
  readonly of: string | null;
  readonly total: { readonly what: AccountWord; readonly count: number };
  readonly parts: readonly { readonly what: AccountWord; readonly count: number }[];
  /** False: frames are not accounted for, which is a defect. */
  readonly holds: boolean;
}

/** Names of what is counted: keys of the catalogue, behind `eq.`. */
export type AccountWord =
  | 'captured'
  | 'published'
  | 'no_demand'
  | 'undecodable'
  | 'late'
  | 'in_decoder'
  | 'offered'
  | 'delivered'
  | 'gated'
  | 'overwritten'
  | 'stale'
  | 'closed'
  | 'pending'
  | 'ok'
  | 'expired'
  | 'timeout'
  | 'unavailable'
  | 'error'
  | 'in_flight';

/** Where every picture of a camera went, and every picture that was offered to each consumer (docs/reference/report.md). */
export function equationsOf({
  captured,
  published,
  skipped,
  in_decoder,
  consumers,
}: CameraReport): readonly Equation[] {
  return [
    equation(null, 'captured', captured, { published, ...skipped, in_decoder }),
    ...Object.entries(consumers).flatMap(
      ([name, { published: offered, delivered, dropped, pending, results, in_flight }]) => [
        equation(name, 'offered', offered, { delivered, ...dropped, pending }),
        equation(name, 'delivered', delivered, { ...results, in_flight }),
      ],
    ),
  ];
}

function equation(
  of: string | null,
  what: AccountWord,
  count: number,
  parts: Partial<Record<AccountWord, number>>,
): Equation {
  const entries = Object.entries(parts) as [AccountWord, number][];
  return {
    of,
    total: { what, count },
    parts: entries.map(([word, part]) => ({ what: word, count: part })),
    holds: entries.reduce((sum, [, part]) => sum + part, 0) === count,
  };
}

/** Numbers of one consumer, for technicians. */
export interface ConsumerNumbers {
  readonly name: string;
  /** The model, or the program of the worker. */
  readonly by: string;
  readonly sla: string;
  readonly state: string;
  /** Why, as the node says it; null without a reason. */
  readonly reason: string | null;
  readonly perSecond: number | null;
  readonly p50: number | null;
  readonly p99: number | null;
  /** False: the ages are the least possible ones. */
  readonly certain: boolean;
  readonly dropped: Pick<ConsumerReport['dropped'], 'gated' | 'overwritten' | 'stale'>;
  readonly ok: number;
  /** By status; those that never happened are left out. */
  readonly notOk: readonly {
    readonly status: 'expired' | 'timeout' | 'unavailable' | 'error';
    readonly count: number;
  }[];
  /** Shares of turns of the last 60 s, 0 to 1. */
  readonly missed: number;
  readonly allowed: number;
  readonly restarts: number;
}

/** The numbers of a camera's consumers, by name. */
export function consumerNumbers({ report, answers }: CameraStatus): ReadonlyMap<string, ConsumerNumbers> {
  return new Map(
    Object.entries(report.consumers).map(([name, consumer]) => {
      const { model, worker, sla, state, reason, dropped, results, sla_window, restarts } = consumer;
      const recent = answers[name];
      const { gated, overwritten, stale } = dropped;
      const notOk = (['expired', 'timeout', 'unavailable', 'error'] as const)
        .map((status) => ({ status, count: results[status] }))
        .filter(({ count }) => count > 0);
      return [
        name,
        {
          name,
          by: model ?? worker ?? '',
          sla,
          state,
          reason,
          perSecond: recent?.per_s ?? null,
          p50: recent?.age_p50_ms ?? null,
          p99: recent?.age_p99_ms ?? null,
          certain: recent?.age_certain ?? true,
          dropped: { gated, overwritten, stale },
          ok: results.ok,
          notOk,
          missed: sla_window.drop_ratio,
          allowed: sla_window.budget,
          restarts,
        },
      ];
    }),
  );
}

/** `H.264 · 1920×1080 · 25 fps · TCP`; empty before the first connection. */
export function streamText({ stream }: Pick<CameraReport, 'stream'>): string {
  if (stream === null) return '';
  const { codec, width, height, interval_ms, transport, kind } = stream;
  const parts = [
    { h264: 'H.264', hevc: 'H.265', mjpeg: 'MJPEG' }[codec] ?? codec,
    ...(width > 0 ? [`${width}×${height}`] : []),
    ...(interval_ms > 0 ? [`${Math.round(1000 / interval_ms)} fps`] : []),
    ...(transport === '' ? [kind.toUpperCase()] : [transport.toUpperCase()]),
  ];
  return parts.join(' · ');
}
