export {
  EncodedTap,
  type EncodedTapOptions,
  EncodedTaps,
  type TapItem,
  type TapStatistics,
  type TappedVideo,
} from './encoded-tap.ts';
export { type ConnectionState, RelayServer } from './relay-server.ts';
export { RELAY_WAITS, RelayedSource } from './relayed-source.ts';
export { decodeWish, encodeLine, encodeUnitHead, type RelayLine } from './relay-protocol.ts';
