export type { SimulatedCameraStats } from './counters.ts';
export type { TlsOptions } from './entrance.ts';
export {
  FAULTS,
  type FaultArgument,
  type FaultKind,
  type FaultName,
  type FaultUnit,
  formatFault,
  parseFaults,
} from './faults/index.ts';
export { type MannersErrorCode, MANNERS_FOLDER } from './manners/index.ts';
export {
  type AccessUnit,
  type Clip,
  type ClipErrorCode,
  loadClip,
  MARKERS,
  type Markers,
  MAX_CLIP_BYTES,
  type Packetization,
  readSendTime,
  RtpPacketizer,
  type RtpStreamOptions,
  SEND_TIME_UUID,
  SET_PACKETS,
  type SetPackets,
  type VideoCodec,
} from './media/index.ts';
export type { SimulatedCameraOptions, SimulatedCameraSettings } from './options.ts';
export type { CameraCommand, CameraEvent } from './process-messages.ts';
export {
  type AuthOptions,
  type DescribeFacts,
  defaultManners,
  type Manners,
  type PlayFacts,
  QUIRKS,
  type Quirk,
  type RtspReply,
  type SetupFacts,
} from './rtsp/index.ts';
export { PARAMETER_SETS, type ParameterSetPlace, type SentUnit } from './session/index.ts';
export type { CameraNotice } from './notices.ts';
export { seededRandom32 } from './seeded-random.ts';
export { SimulatedCamera } from './simulated-camera.ts';
export type { TransportName } from './transport/index.ts';
