import type { NodeEvent } from './events.ts';
import type { ResultMessage } from './mqtt.ts';
import type { ConsumerReport } from './report.ts';

/** Statistics of a consumer, every 10 s. */
export interface ConsumerStatistics {
  readonly camera: string;
  readonly consumer: string;
  readonly report: ConsumerReport;
}

/** One item of the stream that a node's subscribers read. */
export type NodeItem =
  | { readonly type: 'result'; readonly result: ResultMessage }
  | { readonly type: 'stats'; readonly stats: ConsumerStatistics }
  | { readonly type: 'event'; readonly event: NodeEvent };
