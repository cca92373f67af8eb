export { AudioStream } from './audio-stream.ts';
export { RtpClock } from './rtp-clock.ts';
export { MediaSession, type SessionEvents, type TrackStart } from './session.ts';
export { IdleStream, type Stream, type StreamOptions } from './stream.ts';
export { PARAMETER_SETS, type ParameterSetPlace, type PlayedClip, type SentUnit, VideoStream } from './video-stream.ts';
