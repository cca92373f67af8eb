export { emitStats, MqttEmitter, type MqttEmitterOptions } from './mqtt-emitter.ts';
