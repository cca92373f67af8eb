import type { RtspReply } from './rtsp-message.ts';
import { VIDEO_CONTROL } from './sdp.ts';

/** What a granted SETUP is about. */
export interface SetupFacts {
  readonly sessionId: string;
  readonly timeoutS: number;
  /** The negotiated `Transport` value. */
  readonly transport: string;
}

/** What a granted PLAY is about. */
export interface PlayFacts {
  readonly sessionId: string;
  readonly contentBase: string;
  /** Of the first packet. */
  readonly sequence: number;
  /** Of the first packet; in lock-step with elapsed time, the moment of PLAY. */
  readonly rtpTime: number;
}

/**
 * How the camera words its replies. The connection decides what happens (who may, which state), the manners only how it
 * is said: to imitate a vendor, override some of them with that vendor's headers. Must not throw, must not keep state.
 */
export interface Manners {
  options(): RtspReply;
  describe(facts: { readonly contentBase: string; readonly sdp: string }): RtspReply;
  setup(facts: SetupFacts): RtspReply;
  play(facts: PlayFacts): RtspReply;
  /** PAUSE, TEARDOWN, GET_PARAMETER and SET_PARAMETER. */
  done(facts: { readonly method: string; readonly sessionId: string | undefined }): RtspReply;
  unauthorized(facts: { readonly challenge: string }): RtspReply;
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
  play: ({ sessionId, contentBase, sequence, rtpTime }) => ({
    status: 200,
    headers: [
      ['Session', sessionId],
      ['Range', 'npt=0.000-'],
      ['RTP-Info', `url=${contentBase}${VIDEO_CONTROL};seq=${sequence};rtptime=${rtpTime}`],
    ],
  }),
  done: ({ sessionId }) => ({ status: 200, headers: sessionId === undefined ? [] : [['Session', sessionId]] }),
  unauthorized: ({ challenge }) => ({ status: 401, headers: [['WWW-Authenticate', challenge]] }),
  refused: ({ status }) => ({ status }),
};
