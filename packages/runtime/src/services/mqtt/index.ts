export { emitStats, MqttEmitter, type MqttEmitterOptions } from './mqtt-link.ts';
