export { type AuthOptions, Authenticator, digestResponse, parseAuthParameters } from './auth.ts';
export {
  defaultManners,
  type DescribeFacts,
  type Manners,
  type PlayFacts,
  type SetupFacts,
  type TrackFacts,
} from './manners.ts';
export {
  type Presentation,
  pathOf,
  type Target,
  type TrackDescription,
  type TrackKind,
  targetOf,
} from './presentation.ts';
export { applyQuirks, QUIRKS, type Quirk } from './quirks.ts';
export { formatReply, type RtspHeader, type RtspReply, type RtspRequest, RtspRequestParser } from './rtsp-message.ts';
export {
  AUDIO_CONTROL,
  type AudioDescription,
  describeClip,
  ENCODING_NAMES,
  parametersOf,
  VIDEO_CONTROL,
  VIDEO_PAYLOAD_TYPE,
} from './sdp.ts';
