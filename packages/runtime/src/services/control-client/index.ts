export { askNode, type NodeQuestion } from './ask-node.ts';
export { socketSender } from './socket-sender.ts';
