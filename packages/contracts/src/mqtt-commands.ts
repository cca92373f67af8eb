import { z } from 'zod';
import type { ApiName } from './api-routes.ts';
import { ID_PATTERN } from './ids.ts';

/** Ids of commands. They become a part of the answer's topic. */
export const COMMAND_ID_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;
/** Stands for a camera in the topic of a command that concerns the whole node. No camera has this id. */
export const WHOLE_NODE = '_node';

const id = z.string().regex(COMMAND_ID_PATTERN);
const revision = z.int().min(1).optional().describe('The command is refused unless this revision is in force.');
const bare = z.strictObject({ id });

/** A command over MQTT: its payload, and the route of the API that carries it out. */
export interface MqttCommand {
  readonly route: ApiName;
  readonly payload: z.ZodObject;
}

/** Commands on `vigia/<node>/cmd/<camera>/<command>`. */
export const CAMERA_COMMANDS = {
  restart: { route: 'restartCamera', payload: bare },
  restart_consumer: {
    route: 'restartConsumer',
    payload: z.strictObject({ id, consumer: z.string().regex(ID_PATTERN) }),
  },
  /** The node's own parser validates the settings. */
  put: {
    route: 'putCamera',
    payload: z.strictObject({ id, settings: z.record(z.string(), z.unknown()), revision }),
  },
  remove: { route: 'removeCamera', payload: z.strictObject({ id, revision }) },
} as const satisfies Readonly<Record<string, MqttCommand>>;

/** Commands on `vigia/<node>/cmd/_node/<command>`. */
export const NODE_COMMANDS = {
  reload: { route: 'reload', payload: bare },
  status: { route: 'status', payload: bare },
  report: { route: 'report', payload: bare },
  config: { route: 'config', payload: bare },
} as const satisfies Readonly<Record<string, MqttCommand>>;

const about = {
  id,
  command: z.string(),
  camera: z.string().describe('The camera of the topic, or `_node`.'),
};

/** The answer to a command, on `vigia/<node>/reply/<id>` with QoS 1. */
export const commandReplySchema = z.discriminatedUnion('status', [
  z.strictObject({ ...about, status: z.literal('ok'), answer: z.unknown().describe('As over HTTP.') }),
  z.strictObject({
    ...about,
    status: z.literal('error'),
    error: z.looseObject({ code: z.string(), message: z.string() }),
  }),
]);
/** See {@link commandReplySchema}. */
export type CommandReply = z.infer<typeof commandReplySchema>;
