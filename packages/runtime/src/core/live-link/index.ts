export {
  LIVE_ANSWER_HEADER,
  LIVE_MEMORY,
  LIVE_WORDS,
  type LiveCamera,
  type LiveCameras,
  type LiveSetup,
  type LiveWords,
  NODE_LIVE_WORDS,
  type NodeLiveWords,
  RTP_ORIGIN_HEADER,
  SDP_LIMIT,
  VIEWERS,
} from './words.ts';
