export { SlaMeter, type SlaBreach, type SlaMeterOptions } from './sla-meter.ts';
