import { z } from 'zod';

/** Most headers of a request to a collector. */
const HEADERS_LIMIT = 32;

const headerName = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'a name of an HTTP header is letters, digits and -')
  .refine(
    (name) => !/^(?:content-|host$|connection$|transfer-encoding$|expect$|upgrade$|te$|trailer$)/i.test(name),
    'this header is set by vigia itself',
  );

/** Headers of requests that the node sends. */
export const httpHeadersSchema = z
  .record(headerName, z.string().max(8_192))
  .refine((headers) => Object.keys(headers).length <= HEADERS_LIMIT, `at most ${HEADERS_LIMIT} headers`)
  .default({});

/** Where traces go, and of how many frames. */
export const tracingSchema = z.strictObject({
  url: z
    .string()
    .max(2_048)
    .regex(/^https?:\/\/[^\s/]\S*$/, 'an address like http://host:4318/v1/traces is expected')
    .describe('Where an OpenTelemetry collector takes OTLP over HTTP. Secrets by `${NAME}`.'),
  headers: httpHeadersSchema.describe('Further headers of each request. Secrets by `${NAME}`.'),
  sample: z
    .number()
    .min(0)
    .max(1)
    .default(0.01)
    .describe('The share of frames that are traced, 0..1. All consumers of a frame are traced, or none.'),
  per_second: z.int().min(1).max(1_000).default(10).describe('At most this many traces per second of the whole node.'),
});
/** See {@link tracingSchema}. */
export type TracingConfig = z.infer<typeof tracingSchema>;
