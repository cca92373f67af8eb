import type { RtspReply } from './rtsp-message.ts';

/** Peculiarities of real cameras that standards allow, or that clients tolerate. */
export type Quirk =
  | 'rtp-before-play-reply'
  | 'rtcp-of-unknown-track'
  | 'spaced-parameters'
  | 'no-timeout'
  | 'lower-case-headers';

/** All quirks, with one line each. */
export const QUIRKS: Readonly<Record<Quirk, string>> = {
  'rtp-before-play-reply': 'the first frame is sent before the reply to PLAY',
  'rtcp-of-unknown-track': 'sender reports are also sent on a channel without SETUP (TCP)',
  'spaced-parameters': 'spaces around the semicolons of Transport, Session and RTP-Info',
  'no-timeout': 'Session has no timeout',
  'lower-case-headers': 'lower-case header names',
};

const WITH_PARAMETERS = new Set(['transport', 'session', 'rtp-info']);

/** The reply of a camera with these quirks. */
export function applyQuirks(reply: RtspReply, quirks: readonly Quirk[]): RtspReply {
  if (quirks.length === 0 || !reply.headers) return reply;
  const headers = reply.headers.map(([name, value, separator]) => {
    const lower = name.toLowerCase();
    let said = value;
    if (quirks.includes('no-timeout') && lower === 'session') said = said.replace(/\s*;\s*timeout=[^;]*/i, '');
    if (quirks.includes('spaced-parameters') && WITH_PARAMETERS.has(lower)) said = said.replace(/\s*;\s*/g, ' ; ');
    return [quirks.includes('lower-case-headers') ? lower : name, said, separator ?? ': '] as const;
  });
  return { ...reply, headers };
}
