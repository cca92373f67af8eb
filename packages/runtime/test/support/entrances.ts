import { type ApiClient, ApiError } from '@vigia/client';
import { commandReplySchema } from '@vigia/contracts';
import { connectAsync, type MqttClient } from 'mqtt';

/** What came of a command: what it answered, or the code of its error. */
export type Outcome = { readonly answer: unknown } | { readonly code: string; readonly error: Error | object };

/** Commands to a camera or, without one, to the node. The names are those of MQTT. */
export type Command =
  | { readonly name: 'restart'; readonly camera: string }
  | { readonly name: 'remove'; readonly camera: string }
  | { readonly name: 'snapshot'; readonly camera: string }
  | { readonly name: 'restart_consumer'; readonly camera: string; readonly consumer: string }
  | { readonly name: 'put'; readonly camera: string; readonly settings: { readonly source: string } }
  | { readonly name: 'reload' }
  | { readonly name: 'report' };

/** A way to send commands to a node. Resolves in any case. @param key The same command with the same key is done once. */
export type Entrance = (command: Command, key: string) => Promise<Outcome>;

/** Commands over HTTP, by either door. */
export function overHttp(api: ApiClient): Entrance {
  return (command, idempotencyKey) => outcomeOf(ask(api, command, { idempotencyKey }));
}

function ask(api: ApiClient, command: Command, how: { readonly idempotencyKey: string }): Promise<unknown> {
  switch (command.name) {
    case 'reload':
      return api.reload({}, how);
    case 'report':
      return api.report({}, how);
    case 'put':
      return api.putCamera({ params: { camera: command.camera }, body: command.settings }, how);
    case 'restart_consumer':
      return api.restartConsumer({ params: { camera: command.camera, consumer: command.consumer } }, how);
    default:
      return askBare(api, command.name, { params: { camera: command.camera } }, how);
  }
}

/** Commands to a camera without anything else. */
function askBare(
  api: ApiClient,
  name: 'restart' | 'remove' | 'snapshot',
  request: { readonly params: { readonly camera: string } },
  how: { readonly idempotencyKey: string },
): Promise<unknown> {
  if (name === 'restart') return api.restartCamera(request, how);
  return name === 'remove' ? api.removeCamera(request, how) : api.snapshot(request, how);
}

async function outcomeOf(asked: Promise<unknown>): Promise<Outcome> {
  try {
    return { answer: await asked };
  } catch (error) {
    if (error instanceof ApiError) return { code: error.code, error };
    throw error;
  }
}

/** Commands over a broker. */
export class BrokerEntrance {
  readonly #node: string;
  readonly #client: MqttClient;
  readonly #waiting = new Map<string, ((outcome: Outcome) => void)[]>();

  private constructor(node: string, client: MqttClient) {
    this.#node = node;
    this.#client = client;
    client.on('message', (_topic, payload) => {
      const reply = commandReplySchema.parse(JSON.parse(payload.toString('utf8')));
      const outcome = reply.status === 'ok' ? { answer: reply.answer } : { code: reply.error.code, error: reply.error };
      this.#waiting.get(reply.id)?.shift()?.(outcome);
    });
  }

  static async connect(node: string, port: number): Promise<BrokerEntrance> {
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 5 });
    const entrance = new BrokerEntrance(node, client);
    await client.subscribeAsync(`vigia/${node}/reply/+`, { qos: 1 });
    return entrance;
  }

  readonly send: Entrance = async (command, id) => {
    const { name, camera = '_node', ...fields } = { camera: undefined, ...command };
    const replied = new Promise<Outcome>((resolve) => {
      this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), resolve]);
    });
    const topic = `vigia/${this.#node}/cmd/${camera}/${name}`;
    await this.#client.publishAsync(topic, JSON.stringify({ id, ...fields }), { qos: 1 });
    return replied;
  };

  async close(): Promise<void> {
    await this.#client.endAsync();
  }
}
