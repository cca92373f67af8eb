export {
  API_NODE_WORDS,
  type ApiNodeWords,
  type CallAsk,
  type CallReply,
  type ListenFailure,
  type ListenSetup,
  NODE_API_WORDS,
  type NodeApiWords,
  type NodeFacts,
} from './words.ts';
