import { z } from 'zod';

/** The broker of a node. */
export const mqttSchema = z.strictObject({
  url: z
    .string()
    .regex(/^mqtts?:\/\/\S+$/, 'an address like mqtt://[user:password@]host[:port] is expected')
    .describe('The broker. Secrets by `${NAME}`.'),
  commands: z
    .boolean()
    .default(false)
    .describe(
      'Whether the node obeys commands on `vigia/<node>/cmd/…`. Any client that may publish there may then command it.',
    ),
});

/** An IPv4 address, an IPv6 address in brackets, or a name. */
const HOST = String.raw`(?:\[[0-9a-fA-F:.]{2,45}\]|[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,252}))`;
/** 1 to 65535. */
const PORT = '(?:[1-9]\\d{0,3}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d{2}|655[0-2]\\d|6553[0-5])';
/** Where the HTTP API listens by default. */
const HTTP_LISTEN = '127.0.0.1:8470';

const httpTlsSchema = z.strictObject({
  cert: z.string().min(1).describe('A PEM file: the certificate, then those that lead to its authority.'),
  key: z.string().min(1).describe('A PEM file with its private key, without a password.'),
});

/** The port of the HTTP API. */
export const httpSchema = z.strictObject({
  listen: z
    .string()
    .regex(
      new RegExp(`^${HOST}:${PORT}$`),
      'HOST:PORT is expected, such as 127.0.0.1:8470, 0.0.0.0:8470 or [::]:8470, with a port of 1 to 65535',
    )
    .default(HTTP_LISTEN)
    .describe(
      'Where the HTTP API listens; live video uses the same address and number over UDP. 127.0.0.1, localhost and [::1]: for this machine only, and without users every program of it may do everything. Anything else needs users: `vigia users add`.',
    ),
  tls: httpTlsSchema
    .optional()
    .describe(
      'HTTPS. The files are read again on a reload, and when they change. Without it, passwords can be read on the network.',
    ),
  names: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9.-]{0,252}$/, 'a name in lower case without a port is expected'))
    .max(32)
    .default([])
    .describe(
      'Further names by which browsers reach it: those of a proxy, or of your DNS. Addresses in digits and the name of the machine are known.',
    ),
});
