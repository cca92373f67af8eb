export { SlaMeter, type SlaBreach, type SlaMeterOptions } from './sla-meter.ts';
export { type SheddableConsumer, Shedding, type ShedChange } from './shedding.ts';
