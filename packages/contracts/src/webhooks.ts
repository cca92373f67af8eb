import { z } from 'zod';
import { ID_PATTERN } from './ids.ts';
import { httpHeadersSchema } from './tracing.ts';

/** Where events are posted to, and which. */
export const webhookSchema = z.strictObject({
  url: z
    .string()
    .max(2_048)
    .regex(/^https?:\/\/[^\s/]\S*$/, 'an address like https://host/path is expected')
    .describe('Gets a POST with each event as JSON. Secrets by `${NAME}`.'),
  headers: httpHeadersSchema.describe('Further headers of each request. Secrets by `${NAME}`.'),
  severity: z.enum(['notice', 'warning', 'alarm']).default('notice').describe('This severity and above.'),
  kinds: z
    .array(z.string().regex(/^[a-z_]{1,32}$/))
    .min(1)
    .optional()
    .describe('Kinds of events. Default: all.'),
  cameras: z.array(z.string().regex(ID_PATTERN)).min(1).optional().describe('Default: all, and events of the node.'),
});
/** See {@link webhookSchema}. */
export type WebhookConfig = z.infer<typeof webhookSchema>;
