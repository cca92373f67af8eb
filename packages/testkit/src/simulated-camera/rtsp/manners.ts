import type { Negotiated } from '#simulated-camera/transport';
import type { TrackKind } from './presentation.ts';
import type { RtspReply } from './rtsp-message.ts';

/** What a granted DESCRIBE is about. */
export interface DescribeFacts {
  /** URL of the camera as the client called it, with a slash at its end. */
  readonly contentBase: string;
  /** The same without its path: `rtsp://host:port`. */
  readonly origin: string;
  readonly sdp: string;
  /** Of the session that a SETUP on this connection will make. */
  readonly sessionId: string;
}

/** What a granted SETUP is about. */
export interface SetupFacts {
  readonly sessionId: string;
  readonly timeoutS: number;
  /** The negotiated `Transport` value. */
  readonly transport: string;
  /** The same in parts. */
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
  /** As the session description has it. */
  readonly control: string;
  /** The same as a whole URL, at the address that the client knows. */
  readonly url: string;
  readonly ssrc: number;
  readonly sequence: number;
  readonly rtpTime: number;
}

/** What a granted PLAY is about. */
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
 * How the camera words its replies. The connection decides what happens (who may, which state), the manners only how it
 * is said: to imitate a vendor, override some of them with that vendor's headers. Must not throw, must not keep state.
 */
export interface Manners {
  options(facts: { readonly sessionId: string | undefined }): RtspReply;
  describe(facts: DescribeFacts): RtspReply;
  setup(facts: SetupFacts): RtspReply;
  play(facts: PlayFacts): RtspReply;
  /** PAUSE, TEARDOWN, GET_PARAMETER and SET_PARAMETER. */
  done(facts: { readonly method: string; readonly sessionId: string | undefined }): RtspReply;
  /** `nonce` and `realm` stand in `challenge`, too; with Basic there is no nonce. */
  unauthorized(facts: { readonly challenge: string; readonly nonce?: string; readonly realm?: string }): RtspReply;
  /** Everything that is refused, by status. */
  refused(facts: { readonly status: number }): RtspReply;
}

const PUBLIC = 'OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER';

/** A camera that keeps to RFC 2326. */
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
