export { type AudioEncoding, type AudioSource, createAudio } from './audio.ts';
export {
  AAC_SAMPLES,
  type AccessUnit,
  type Clip,
  type ClipAudio,
  type ClipErrorCode,
  loadClip,
  MAX_CLIP_BYTES,
  TICKS_PER_MS,
  TICKS_PER_SECOND,
} from './clip.ts';
export { isParameterSet, nalRole, nalType, toAnnexB, type VideoCodec } from './nal.ts';
export { type Pacing, type PlayedUnit, Player } from './player.ts';
export { countReceiverReports, senderReportPacket, withBye } from './rtcp.ts';
export {
  DEFAULT_MAX_PAYLOAD_BYTES,
  MARKERS,
  type Markers,
  type Packetization,
  RTP_HEADER_BYTES,
  RtpPacketizer,
  type RtpStreamOptions,
  SET_PACKETS,
  type SetPackets,
} from './rtp-packetizer.ts';
export { readSendTime, SEND_TIME_UUID, sendTimeSei } from './sei.ts';
export { LoopTimeline } from './timeline.ts';
