export { FaultyTransport, type FaultyOptions } from './faulty.ts';
export { InterleavedTransport } from './interleaved.ts';
export {
  formatTransport,
  type MediaTransport,
  type Negotiated,
  type PortPair,
  parseTransportOffer,
  type TransportName,
  type TransportOffer,
} from './media-transport.ts';
export { plainAddress, UdpTransport } from './udp.ts';
