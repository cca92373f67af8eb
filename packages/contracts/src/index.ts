export * from './container-protocol.ts';
export * from './result.ts';
export * from './mask.ts';
export * from './frame-segment.ts';
export * from './frame-seats.ts';
export * from './config.ts';
export * from './mqtt.ts';
export * from './report.ts';
