import type { ConsumerReport } from '@vigia/contracts';

/** What the report of a model's consumer says of itself when all is well, besides its counts. */
export const MODEL_CONSUMER = {
  kind: 'model',
  worker: null,
  sla: 'normal',
  state: 'running',
  reason: null,
  sla_window: {
    live_ms: 0,
    turns: 0,
    ok: 0,
    drop_ratio: 0,
    late_ratio: null,
    budget: 0.5,
    breaching: false,
    breaches: 0,
  },
  slowed: null,
  process: null,
  restarts: 0,
} satisfies Partial<ConsumerReport>;
