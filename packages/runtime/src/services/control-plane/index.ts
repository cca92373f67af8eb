export { Api, type ApiCall } from './api-server.ts';
export type { Asker, ControlledNode, NodeSubscription, RecordingsAsk } from './controlled-node.ts';
export { isLoopback, listenOnPort, type Listener, listenOnSocket, type PortListener } from './listen.ts';
export type { Tls, Visitor } from './visitors.ts';
export { checked, type Refusal } from './refusal.ts';
