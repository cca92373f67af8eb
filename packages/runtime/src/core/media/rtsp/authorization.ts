import { createHash, randomBytes } from 'node:crypto';
import { addSecret } from '@vigia/base';

/** The login for a camera. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** The most requests that one answer may cost: without a login, with two stale nonces, with a good one, with Basic. */
export const MAX_AUTH_TRIES = 5;
/** Nonces that may be stale at once, one after the other. */
const STALE_LIMIT = 2;

interface Challenge {
  readonly scheme: string;
  readonly params: ReadonlyMap<string, string>;
}

/**
 * Answers a server's challenges, Digest (RFC 7616: MD5 and SHA-256, qop=auth or none) in preference to Basic. The
 * response depends on method and URI, so it is computed for each request. Basic, which shows the password, is sent only
 * to a server that offers it itself, and when it offers Digest too only after it has refused that.
 */
export class Authorization {
  readonly #credentials: Credentials;
  #challenge: Challenge | undefined;
  #nonceCount = 0;
  /** Of the present challenge: whether a request has answered it, and whether the server accepted that. */
  #answered = false;
  #accepted = false;
  #digestRefused = false;
  #staleInARow = 0;

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
    // A server may repeat the header in an answer that gets into a message.
    addSecret(this.#basic);
  }

  /**
   * Takes the challenges of a 401. Returns false when no answer is left: none of the schemes is known, or the login was
   * refused. A nonce that was accepted before, or is called stale, has only expired.
   */
  challenge(lines: readonly string[]): boolean {
    const offered = parseChallenges(lines);
    const failed = this.#answered && !this.#accepted;
    const stale = failed && this.#staleInARow < STALE_LIMIT && offered.some(isStale);
    this.#staleInARow = stale ? this.#staleInARow + 1 : 0;
    if (failed && !stale) {
      if (this.#challenge?.scheme === 'basic') return false;
      this.#digestRefused = true;
    }
    return this.#take(offered);
  }

  /** Takes the challenges of a 401 in a session that was granted: the nonce has expired. Returns false like above. */
  renew(lines: readonly string[]): boolean {
    return this.#take(parseChallenges(lines));
  }

  /** A request that carried the header was granted. */
  accepted(): void {
    this.#accepted = this.#answered;
    this.#staleInARow = 0;
  }

  #take(offered: readonly Challenge[]): boolean {
    const digest = offered.find((c) => c.scheme === 'digest' && algorithmOf(c.params) !== undefined);
    const basic = offered.find((c) => c.scheme === 'basic');
    const chosen = this.#digestRefused ? basic : (digest ?? basic);
    if (!chosen) return false;
    this.#challenge = chosen;
    this.#nonceCount = 0;
    this.#answered = false;
    this.#accepted = false;
    return true;
  }

  get #basic(): string {
    const { user, password } = this.#credentials;
    return Buffer.from(`${user}:${password}`).toString('base64');
  }

  /** The value of the Authorization header; undefined before a challenge. */
  header(method: string, uri: string): string | undefined {
    if (!this.#challenge) return undefined;
    this.#answered = true;
    if (this.#challenge.scheme === 'basic') return `Basic ${this.#basic}`;
    return this.#digest(method, uri, this.#challenge.params);
  }

  #digest(method: string, uri: string, params: ReadonlyMap<string, string>): string {
    const { user, password } = this.#credentials;
    const algorithm = algorithmOf(params) ?? 'md5';
    const h = (text: string): string => createHash(algorithm).update(text).digest('hex');
    const realm = params.get('realm') ?? '';
    const nonce = params.get('nonce') ?? '';
    const ha1 = h(`${user}:${realm}:${password}`);
    const ha2 = h(`${method}:${uri}`);
    const fields = [`username="${user}"`, `realm="${realm}"`, `nonce="${nonce}"`, `uri="${uri}"`];
    const qop = params
      .get('qop')
      ?.split(',')
      .some((q) => q.trim() === 'auth');
    if (qop) {
      this.#nonceCount += 1;
      const nc = this.#nonceCount.toString(16).padStart(8, '0');
      const cnonce = randomBytes(8).toString('hex');
      fields.push(
        `response="${h(`${ha1}:${nonce}:${nc}:${cnonce}:auth:${ha2}`)}"`,
        'qop=auth',
        `nc=${nc}`,
        `cnonce="${cnonce}"`,
      );
    } else {
      fields.push(`response="${h(`${ha1}:${nonce}:${ha2}`)}"`);
    }
    if (params.has('algorithm')) fields.push(`algorithm=${params.get('algorithm')}`);
    if (params.has('opaque')) fields.push(`opaque="${params.get('opaque')}"`);
    return `Digest ${fields.join(', ')}`;
  }
}

function isStale({ params }: Challenge): boolean {
  return params.get('stale')?.toLowerCase() === 'true';
}

function algorithmOf(params: ReadonlyMap<string, string>): 'md5' | 'sha256' | undefined {
  const name = (params.get('algorithm') ?? 'MD5').toUpperCase();
  if (name === 'MD5') return 'md5';
  return name === 'SHA-256' ? 'sha256' : undefined;
}

/** Longest challenge that is parsed. No camera needs more. */
const CHALLENGE_LIMIT = 2_048;

/** Several challenges may share one line (RFC 9110, 11.6.1). */
function splitChallenges(line: string): string[] {
  return line.slice(0, CHALLENGE_LIMIT).split(/,\s*(?=(?:basic|digest|bearer|negotiate|ntlm)\s)/i);
}

function parseChallenges(lines: readonly string[]): Challenge[] {
  return lines.flatMap(splitChallenges).map(parseChallenge);
}

function parseChallenge(line: string): Challenge {
  const [scheme = ''] = line.split(/\s/, 1);
  const params = new Map<string, string>();
  for (const match of line.slice(scheme.length).matchAll(/([a-z]+)\s*=\s*(?:"([^"]*)"|([^\s,]+))/gi)) {
    params.set((match[1] as string).toLowerCase(), match[2] ?? match[3] ?? '');
  }
  return { scheme: scheme.toLowerCase(), params };
}
