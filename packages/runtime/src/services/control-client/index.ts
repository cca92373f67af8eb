export { askNode, type NodeQuestion, openOnNode } from './ask-node.ts';
export { socketSender } from './socket-sender.ts';
