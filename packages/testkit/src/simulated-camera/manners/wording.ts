import type { Negotiated } from '#simulated-camera/transport';

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The current time in the vendor's format: `Fri, Apr 30 2021 20:12:32 GMT` or `Sat, 8 May 2021 04:35:51 UTC`. */
export function dateLike(sample: string, wallMs: number): string {
  const at = new Date(wallMs);
  const [day = '', month = ''] = [DAYS[at.getUTCDay()], MONTHS[at.getUTCMonth()]];
  const zone = /([A-Z]+)\s*$/.exec(sample)?.[1] ?? 'GMT';
  const time = at.toISOString().slice(11, 19);
  const date = at.getUTCDate();
  const space = /^\s*/.exec(sample)?.[0] ?? '';
  if (/^\s*\w{3}, \w{3} /.test(sample)) {
    return `${space}${day}, ${month} ${String(date).padStart(2, '0')} ${at.getUTCFullYear()} ${time} ${zone}`;
  }
  const padded = /^\s*\w{3}, 0\d/.test(sample) ? String(date).padStart(2, '0') : String(date);
  return `${space}${day}, ${padded} ${month} ${at.getUTCFullYear()} ${time} ${zone}`;
}

/** Our identifier in place of the vendor's: `  708345999;timeout=60`. */
export function sessionLike(sample: string, id: string): string {
  return sample.replace(/^(\s*)[^;\s]+/, `$1${id}`);
}

/** An identifier with the same length and alphabet. @param random32 Uniform in 0..2^32-1. */
export function identifierLike(sample: string, random32: () => number): string {
  const alphabet = /^\d+$/.test(sample)
    ? '0123456789'
    : /^[\da-f]+$/.test(sample)
      ? '0123456789abcdef'
      : /^[\dA-F]+$/.test(sample)
        ? '0123456789ABCDEF'
        : 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  const at = (): string => alphabet[random32() % alphabet.length] ?? '0';
  // Short ones would collide; a leading zero might get lost.
  const length = Math.max(8, sample.length);
  return `1${Array.from({ length: length - 1 }, at).join('')}`;
}

/** An SSRC in the vendor's format: upper or lower case, eight digits, or padded with a space. */
export function ssrcLike(sample: string, ssrc: number): string {
  const hex = ssrc.toString(16);
  const text = /[A-F]/.test(sample) ? hex.toUpperCase() : hex;
  return sample.startsWith(' ') ? ` ${text}` : text.padStart(8, '0');
}

/**
 * A URL of the vendor at our address: its path and query stay. A bare `host:port/path` stays bare, a path stays a path.
 */
export function urlLike(sample: string, origin: string): string {
  const authority = origin.slice(origin.indexOf('//') + 2);
  if (/^\s*rtsps?:\/\//i.test(sample)) return sample.replace(/rtsps?:\/\/[^/?\s]*/i, origin);
  return sample.replace(/^(\s*)[\w.[\]:-]+:\d+(?=\/|$)/, `$1${authority}`);
}

/** The vendor's `Transport` with the negotiated values; order and other parameters stay. */
export function transportLike(sample: string, negotiated: Negotiated, ssrc: number): string {
  const seen = new Set<string>();
  const parts = sample.split(';').flatMap((part, i) => {
    if (i === 0) return [protocolLike(part, negotiated)];
    const [name = '', ...rest] = part.split('=');
    const key = name.trim().toLowerCase();
    const value = rest.join('=');
    const said = transportPart(key, value, negotiated, ssrc);
    if (said === undefined) return [part];
    return said
      .filter(([one]) => !seen.has(one))
      .map(([one, text]) => {
        seen.add(one);
        return `${/^\s*/.exec(part)?.[0] ?? ''}${one === key ? name.trim() : one}=${text}`;
      });
  });
  const missing = portsOf(negotiated).filter(([name]) => !seen.has(name));
  return [...parts, ...missing.map(([name, text]) => `${name}=${text}`)].join(';');
}

function protocolLike(part: string, { protocol }: Negotiated): string {
  if (protocol === 'tcp') return part.replace(/RTP\/AVP(\/\w+)?/i, 'RTP/AVP/TCP');
  return part.replace(/RTP\/AVP\/TCP/i, 'RTP/AVP');
}

function portsOf(negotiated: Negotiated): [string, string][] {
  const pair = ({ rtp, rtcp }: { rtp: number; rtcp: number }): string => `${rtp}-${rtcp}`;
  if (negotiated.protocol === 'tcp') return [['interleaved', pair(negotiated.channels)]];
  return [
    ['client_port', pair(negotiated.client)],
    ['server_port', pair(negotiated.server)],
  ];
}

/** The replacement of a parameter; undefined: it stays. */
function transportPart(
  key: string,
  value: string,
  negotiated: Negotiated,
  ssrc: number,
): [string, string][] | undefined {
  const { local, remote } = negotiated;
  switch (key) {
    case 'interleaved':
      return portsOf(negotiated);
    case 'client_port':
    case 'server_port':
      return portsOf(negotiated).filter(([name]) => negotiated.protocol === 'tcp' || name === key);
    case 'ssrc':
      return [['ssrc', ssrcLike(value, ssrc)]];
    case 'source':
      return [['source', local]];
    case 'destination':
      return [['destination', remote]];
    default:
      return undefined;
  }
}
