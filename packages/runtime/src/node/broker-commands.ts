import { UsageError, VigiaError } from '@vigia/base';
import { CAMERA_COMMANDS, type MqttCommand, NODE_COMMANDS, WHOLE_NODE } from '@vigia/contracts';
import { unlimited } from '#core/access';
import { type ApiCall, checked, type NodeOperations, type Visitor } from '#services/control-plane';
import { holdsPassword } from '#node/config';
import type { CommandDoor, CommandMessage } from '#services/mqtt';

type Commands = Readonly<Record<string, MqttCommand & { readonly route: ApiCall['route'] }>>;
/** Fields of the payloads of all commands, once they are valid. */
interface Fields {
  readonly consumer?: string;
  readonly settings?: unknown;
  readonly revision?: number;
}

/** Commands from a broker are requests to the API. @param url Of the broker. */
export function brokerCommands(operations: () => Pick<NodeOperations, 'call' | 'refusal'>, url: string): CommandDoor {
  // The broker decides who may publish commands (docs/protocol/mqtt.md).
  const visitor: Visitor = { identity: unlimited('mqtt'), from: new URL(url).hostname, trusted: false };
  return {
    workOf: (message) => {
      const call = callOf(message, visitor);
      return () => operations().call(call);
    },
    errorOf: (error, what) => operations().refusal(error, what).body.error,
  };
}

/** @throws VigiaError `unknown_command`; UsageError for an invalid payload. */
function callOf(message: CommandMessage, visitor: Visitor): ApiCall {
  const { route, payload } = commandOf(message);
  const { consumer, settings: body, revision: expected }: Fields = checked(payload, message.payload, 'payload');
  refuseReferences(body);
  const { id, camera } = message;
  const params = camera === WHOLE_NODE ? {} : { camera, ...(consumer === undefined ? {} : { consumer }) };
  return { route, visitor, params, query: {}, body, expected, key: id };
}

/**
 * A reference in an address would send the node's environment, or the first line of a file, to a host that the
 * publisher names.
 *
 * @throws UsageError
 */
function refuseReferences(settings: unknown): void {
  if (JSON.stringify(settings ?? null).includes('${'))
    throw new UsageError(
      'payload.settings: references such as ${NAME} are not filled in over MQTT; use the control socket or the file',
    );
  if (holdsPassword(settings))
    throw new UsageError('payload.settings: passwords are not taken over MQTT, where others may read along; use HTTP');
}

function commandOf({ camera, command }: CommandMessage): Commands[string] {
  if (camera.startsWith('_') && camera !== WHOLE_NODE)
    throw new UsageError(`topic: "${camera}" is no id of a camera; ${WHOLE_NODE} stands for the node`);
  const ofNode = camera === WHOLE_NODE;
  const known: Commands = ofNode ? NODE_COMMANDS : CAMERA_COMMANDS;
  const found = Object.hasOwn(known, command) ? known[command] : undefined;
  if (found) return found;
  const commands = Object.keys(known);
  const message = `there is no command "${command}" to ${ofNode ? 'the node' : 'a camera'}; there are ${commands.join(', ')}`;
  throw new VigiaError('unknown_command', message, { details: { commands } });
}
