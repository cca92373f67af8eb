import type { Schema } from '@vigia/base';
import { ID_PATTERN } from '@vigia/contracts';
import { z } from 'zod';

/** Viewers of a node at the same time. */
export const VIEWERS = 64;
/** Memory of the live process that has a bound of its own. Bytes. */
export const LIVE_MEMORY: {
  /** Units of a camera since its newest keyframe, for a viewer who comes. */
  readonly recent: number;
  /** Units that one viewer has not been sent. */
  readonly viewer: number;
} = { recent: 4 * 1024 * 1024, viewer: 4 * 1024 * 1024 };
/** Longest body of an offer, bytes. */
export const SDP_LIMIT: number = 64 * 1024;
/** In the answer to an offer: `RTP@MONOTONIC_US`, the stamp of the newest picture and when it was captured. */
export const RTP_ORIGIN_HEADER = 'x-vigia-rtp-origin';
/** In the answer to an offer, which stays open behind it: its bytes. */
export const LIVE_ANSWER_HEADER = 'x-vigia-answer-bytes';

/**
 * Of a movie: what each message of the response holds, its first byte. A text is JSON; a picture is a fragment of an MP4, and a
 * keyframe one with which a player can go on after others were left out.
 */
export const MOVIE_MESSAGE: { readonly text: 0; readonly init: 1; readonly picture: 2; readonly keyframe: 3 } = {
  text: 0,
  init: 1,
  picture: 2,
  keyframe: 3,
};
/** Longest message of a movie, bytes. */
export const MOVIE_MESSAGE_LIMIT: number = 16 * 1024 * 1024;

/** A camera whose video can be looked at. */
export interface LiveCamera {
  /** The socket on which the process that holds its connection passes its units on. */
  readonly units: string;
  /** The same of its small stream, for viewers who do not have the coding of the other one; absent: it has none. */
  readonly small?: string | undefined;
}
/** By id. A camera with zones that nobody may see is not among them. */
export type LiveCameras = Readonly<Record<string, LiveCamera>>;

/** The settings of the live process. */
export interface LiveSetup {
  /** Where it answers offers: a Unix socket. */
  readonly socketPath: string;
  /** Where browsers reach it over UDP. `host`: an address, or the name of one. */
  readonly host: string;
  readonly port: number;
  readonly cameras: LiveCameras;
}

/** Requests and notices from the node to the live process. */
export interface NodeLiveWords {
  readonly requests: {
    /** Answered when offers are. */
    readonly setup: { readonly ask: Schema<LiveSetup>; readonly reply: Schema<null> };
  };
  readonly notices: {
    /** Viewers of a camera that is not among them, or that is another one now, are cut off. */
    readonly cameras: Schema<LiveCameras>;
  };
}

/** Notices from the live process to the node. */
export interface LiveWords {
  readonly requests: Readonly<Record<string, never>>;
  readonly notices: {
    /** Every second: this process does not hang, and so many look. */
    readonly viewers: Schema<{ readonly viewers: number }>;
  };
}

const text = z.string().max(4_096);
const cameras: z.ZodType<LiveCameras> = z.record(
  z.string().regex(ID_PATTERN),
  z.strictObject({ units: text, small: text.optional() }),
);

/** See {@link NodeLiveWords}. */
export const NODE_LIVE_WORDS: NodeLiveWords = {
  requests: {
    setup: {
      ask: z.strictObject({
        socketPath: text,
        host: text,
        port: z.int().min(1).max(65_535),
        cameras,
      }),
      reply: z.null(),
    },
  },
  notices: { cameras },
};

/** See {@link LiveWords}. */
export const LIVE_WORDS: LiveWords = {
  requests: {},
  notices: { viewers: z.strictObject({ viewers: z.int().min(0) }) },
};
