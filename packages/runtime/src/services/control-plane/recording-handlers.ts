import { UsageError } from '@vigia/base';
import { markSchema, PREVIEWED_RULES, previewRulesSchema } from '@vigia/contracts/api';
import type { NodeHandlers } from './asked.ts';
import type { PreviewAsk } from './controlled-node.ts';
import { checked } from './refusal.ts';

const LATEST_MS = 8.64e15;
const MILLISECONDS = /^\d{1,16}(?:\.\d{1,6})?$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/;

/** What the routes of recordings do that answer with JSON of the node. */
export const recordingHandlers: Pick<NodeHandlers, 'recordings' | 'markRecording' | 'rebuildRecordings'> = {
  recordings: (node, { query }) => {
    const [fromMs, toMs] = [timeOf('query.from', query.from), timeOf('query.to', query.to)];
    if (fromMs !== undefined && toMs !== undefined && toMs <= fromMs)
      throw new UsageError('query.to: must be later than from');
    return node.recordings({ camera: query.camera ?? null, fromMs, toMs });
  },
  markRecording: (node, { params: { camera }, body }) => {
    const { from_ms: fromMs, to_ms: toMs } = checked(markSchema, body, 'body');
    if (toMs !== undefined && (fromMs === undefined || toMs < fromMs))
      throw new UsageError('body.to_ms: must not be earlier than from_ms');
    const marked = node.markRecording(camera, fromMs, toMs);
    return { camera, from_ms: marked.fromMs, to_ms: marked.toMs };
  },
  rebuildRecordings: (node) => node.rebuildRecordings(),
};

/** What somebody tries. @throws UsageError */
export function previewAsk(body: unknown): PreviewAsk {
  if (typeof body === 'object' && body !== null && 'rule' in body && body.rule === 'fall')
    throw new UsageError(
      `body.rule: falls need pictures, which are not played here: export a clip, and use \`vigia rules test\`; allowed are ${PREVIEWED_RULES.join(', ')}`,
    );
  const { from, to, ...ask } = checked(previewRulesSchema, body, 'body');
  return { ...ask, fromMs: timeOf('body.from', from), toMs: timeOf('body.to', to) };
}

/** Milliseconds since 1970. @throws UsageError for a text that is no time. */
function timeOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  // A plus sign of a time zone, unescaped, is a space in a query.
  const shown = text.replace(' ', '+');
  const ms = MILLISECONDS.test(shown) ? Number(shown) : TIME.test(shown) ? Date.parse(shown) : Number.NaN;
  if (ms >= 0 && ms <= LATEST_MS) return ms;
  throw new UsageError(`${name}: a time such as 2026-11-23T14:05:00Z, or milliseconds since 1970, is expected`);
}
