export { askNode } from './control-client.ts';
export { type ControlledNode, serveControl } from './control-server.ts';
