export { askNode } from './control-client.ts';
export { type ControlledNode, type NodeHealth, serveControl } from './control-server.ts';
