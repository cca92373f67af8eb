export type { NodeName } from './asked.ts';
export type { Asker, ControlledNode, PreviewAsk, RecordChange, RecordingsAsk } from './controlled-node.ts';
export { HttpApi } from './http-api.ts';
export { isLoopback, listenOnPort, type Listener, listenOnSocket, type PortListener } from './listen.ts';
export { type ApiCall, nodeOperations, type NodeOperations } from './operations.ts';
export { checked, type Refusal, Refused } from './refusal.ts';
export { refuseDeep } from './requests.ts';
export { type FollowerOptions, type NodeSubscription, type ServedNode, servedNode } from './served-node.ts';
export { refuseUnlessStill, type Tls, type Visitor } from './visitors.ts';
