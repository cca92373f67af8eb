export { askNode, type NodeQuestion } from './ask-node.ts';
