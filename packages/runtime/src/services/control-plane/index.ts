export { Api } from './api-server.ts';
export type { Asker, ControlledNode, NodeSubscription } from './controlled-node.ts';
export { type ListenAddress, type Listener, listenOnPort, listenOnSocket } from './listen.ts';
