export type { Consumer, ConsumerLook, ConsumerStatus, WorkerControl } from './consumer.ts';
export type { Flight } from './flight.ts';
export { InFlight, type InFlightOptions } from './in-flight.ts';
export { mapBack } from './map-back.ts';
export type { RenderedPicture } from './rendered-picture.ts';
export { addClassCounts } from './result-counts.ts';
export type { Outcome } from './result-message.ts';
