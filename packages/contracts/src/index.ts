export * from './container-protocol.ts';
export * from './result.ts';
