export { CommandDesk, type CommandDoor } from './command-desk.ts';
export type { CommandMessage } from './command-message.ts';
export { MqttLink, type MqttLinkOptions } from './mqtt-link.ts';
