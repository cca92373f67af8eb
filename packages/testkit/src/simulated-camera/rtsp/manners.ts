import type { Negotiated } from '#simulated-camera/transport';
import type { TrackKind } from './presentation.ts';
import type { RtspReply } from './rtsp-message.ts';

/** Parameters of a successful DESCRIBE. */
export interface DescribeFacts {
  /** URL of the camera as the client wrote it, with a trailing slash. */
  readonly contentBase: string;
  /** The same without its path: `rtsp://host:port`. */
  readonly origin: string;
  readonly sdp: string;
  /** Id of the session that a SETUP on this connection will create. */
  readonly sessionId: string;
}

/** Parameters of a successful SETUP. */
export interface SetupFacts {
  readonly sessionId: string;
  readonly timeoutS: number;
  /** The negotiated `Transport` value. */
  readonly transport: string;
  /** The same, parsed. */
  readonly negotiated: Negotiated;
  readonly ssrc: number;
  /** Position in the session description. */
  readonly track: number;
}

/** The first packet of one track after PLAY. */
export interface TrackFacts {
  /** Position in the session description. */
  readonly track: number;
  readonly kind: TrackKind;
  /** As in the session description. */
  readonly control: string;
  /** The same as an absolute URL, at the address that the client uses. */
  readonly url: string;
  readonly ssrc: number;
  readonly sequence: number;
  readonly rtpTime: number;
}

/** Parameters of a successful PLAY. */
export interface PlayFacts {
  readonly sessionId: string;
  readonly contentBase: string;
  readonly origin: string;
  /** Of the first packet. */
  readonly sequence: number;
  /** Of the first packet; in lock-step with elapsed time, the moment of PLAY. */
  readonly rtpTime: number;
  /** All tracks that were set up; `sequence` and `rtpTime` are those of the first. */
  readonly tracks: readonly TrackFacts[];
}

/**
 * The wording of a camera's replies. The connection decides the outcome (authorisation, state), the manners only its
 * form: to imitate a vendor, override some of them with that vendor's headers. Must not throw, must be stateless.
 */
export interface Manners {
  options(facts: { readonly sessionId: string | undefined }): RtspReply;
  describe(facts: DescribeFacts): RtspReply;
  setup(facts: SetupFacts): RtspReply;
  play(facts: PlayFacts): RtspReply;
  /** PAUSE, TEARDOWN, GET_PARAMETER and SET_PARAMETER. */
  done(facts: { readonly method: string; readonly sessionId: string | undefined }): RtspReply;
  /** `challenge` contains `nonce` and `realm`, too; Basic has no nonce. */
  unauthorized(facts: { readonly challenge: string; readonly nonce?: string; readonly realm?: string }): RtspReply;
  /** All refusals, by status. */
  refused(facts: { readonly status: number }): RtspReply;
}

const PUBLIC = 'OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER';

/** A camera that follows RFC 2326. */
export const defaultManners: Manners = {
  options: () => ({ status: 200, headers: [['Public', PUBLIC]] }),
  describe: ({ contentBase, sdp }) => ({
    status: 200,
    headers: [
      ['Content-Base', contentBase],
      ['Content-Type', 'application/sdp'],
    ],
    body: sdp,
  }),
  setup: ({ sessionId, timeoutS, transport }) => ({
    status: 200,
    headers: [
      ['Session', `${sessionId};timeout=${timeoutS}`],
      ['Transport', transport],
    ],
  }),
  play: ({ sessionId, tracks }) => ({
    status: 200,
    headers: [
      ['Session', sessionId],
      ['Range', 'npt=0.000-'],
      [
        'RTP-Info',
        tracks.map(({ url, sequence, rtpTime }) => `url=${url};seq=${sequence};rtptime=${rtpTime}`).join(','),
      ],
    ],
  }),
  done: ({ sessionId }) => ({ status: 200, headers: sessionId === undefined ? [] : [['Session', sessionId]] }),
  unauthorized: ({ challenge }) => ({ status: 401, headers: [['WWW-Authenticate', challenge]] }),
  refused: ({ status }) => ({ status }),
};
