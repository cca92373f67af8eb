export { Api, type ApiCall } from './api-server.ts';
export type { Asker, ControlledNode, NodeSubscription } from './controlled-node.ts';
export { type ListenAddress, type Listener, listenOnPort, listenOnSocket } from './listen.ts';
export { checked, type Refusal } from './refusal.ts';
