export { type ControlledNode, serveControl } from './control-server.ts';
