/** Interleaved channels (0..255) or UDP ports of RTP and RTCP. */
export interface PortPair {
  readonly rtp: number;
  readonly rtcp: number;
}

/** Result of SETUP. */
export type Negotiated =
  | { readonly protocol: 'tcp'; readonly channels: PortPair; readonly local: string; readonly remote: string }
  | {
      readonly protocol: 'udp';
      readonly client: PortPair;
      readonly server: PortPair;
      /** Source address of the datagrams. */
      readonly local: string;
      /** Destination address: that of the RTSP connection. */
      readonly remote: string;
    };

/** Carries the packets of one track of one session. */
export interface MediaTransport {
  readonly negotiated: Negotiated;
  /** Bytes written and not yet accepted by the network. */
  readonly backlogBytes: number;
  /** Sends RTP packets in order. Returns the bytes written, framing included. */
  sendRtp(packets: readonly Buffer[]): number;
  /** Sends one compound RTCP packet. Returns the bytes written, framing included. */
  sendRtcp(packet: Buffer): number;
  /** Sends bytes that belong to no packet, if the transport is a stream. Returns the bytes written. */
  sendStray(bytes: Buffer): number;
  /** Sends the first half of an RTP packet, like a connection that breaks; a datagram has no halves and is not sent. */
  sendHalf(packet: Buffer): number;
  /** Closes what the transport owns. Idempotent. */
  close(): void;
}

/** Transports that a camera can offer. */
export type TransportName = 'tcp' | 'udp';

/** One usable offer of a `Transport` header; the camera chooses undefined ports and channels. */
export type TransportOffer =
  | { readonly protocol: 'tcp'; readonly channels: PortPair | undefined }
  | { readonly protocol: 'udp'; readonly client: PortPair };

/** The first offer of a `Transport` header that the `allowed` transports can serve, or undefined. */
export function parseTransportOffer(header: string, allowed: readonly TransportName[]): TransportOffer | undefined {
  for (const text of header.split(',')) {
    const [protocol = '', ...parameters] = text.split(';').map((part) => part.trim());
    const offer = parseOne(protocol.toUpperCase(), parameters);
    if (offer && allowed.includes(offer.protocol)) return offer;
  }
  return undefined;
}

function parseOne(protocol: string, parameters: readonly string[]): TransportOffer | undefined {
  const valueOf = (name: string): string | undefined =>
    parameters.find((parameter) => parameter.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1);
  if (protocol === 'RTP/AVP/TCP') {
    const text = valueOf('interleaved');
    if (text === undefined) return { protocol: 'tcp', channels: undefined };
    const channels = parsePair(text, 0, 255);
    return channels && { protocol: 'tcp', channels };
  }
  const isMulticast = parameters.some((parameter) => parameter.toLowerCase() === 'multicast');
  if ((protocol !== 'RTP/AVP' && protocol !== 'RTP/AVP/UDP') || isMulticast) return undefined;
  const client = parsePair(valueOf('client_port') ?? '', 1, 65_535);
  return client && { protocol: 'udp', client };
}

/** `a-b`, or `a` which means a and a + 1. */
function parsePair(text: string, min: number, max: number): PortPair | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text.trim());
  const rtp = Number(match?.[1] ?? Number.NaN);
  const rtcp = Number(match?.[2] ?? rtp + 1);
  const fits = (value: number): boolean => value >= min && value <= max;
  return fits(rtp) && fits(rtcp) && rtp !== rtcp ? { rtp, rtcp } : undefined;
}

/** The value of a `Transport` header in the form of RFC 2326 12.39. */
export function formatTransport(negotiated: Negotiated, ssrc: number): string {
  const id = ssrc.toString(16).toUpperCase().padStart(8, '0');
  if (negotiated.protocol === 'tcp') {
    const { rtp, rtcp } = negotiated.channels;
    return `RTP/AVP/TCP;unicast;interleaved=${rtp}-${rtcp};ssrc=${id}`;
  }
  const { client, server, local } = negotiated;
  const ports = `client_port=${client.rtp}-${client.rtcp};server_port=${server.rtp}-${server.rtcp}`;
  return `RTP/AVP;unicast;${ports};source=${local};ssrc=${id}`;
}
