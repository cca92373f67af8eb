export { ApiError } from './api-error.ts';
export { type ApiClient, type CallOptions, type Call, type ClientOptions, createClient } from './client.ts';
export { fetchSender } from './fetch-sender.ts';
export type { FollowOptions, WatchItem, WatchOptions } from './follow.ts';
export type { ApiCall, ApiReply, Sender } from './sender.ts';
