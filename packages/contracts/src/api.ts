export * from './access.ts';
export * from './openapi.ts';
export * from './api-route.ts';
export * from './api-access.ts';
export * from './api-live.ts';
export * from './api-preview.ts';
export * from './api-recordings.ts';
export * from './api-routes.ts';
export type * from './api-types.ts';
