import { createHash, randomBytes } from 'node:crypto';

/** The login for a camera. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/**
 * Answers a server's challenges, Digest (RFC 7616: MD5 and SHA-256, qop=auth or none) in preference to Basic. The
 * response depends on method and URI, so it is computed for each request.
 */
export class Authorization {
  readonly #credentials: Credentials;
  #challenge: { readonly scheme: 'digest' | 'basic'; readonly params: ReadonlyMap<string, string> } | undefined;
  #nonceCount = 0;

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
  }

  /** Takes the challenges of a 401. Returns false when it can answer none of them. */
  challenge(lines: readonly string[]): boolean {
    const parsed = lines.flatMap(splitChallenges).map(parseChallenge);
    const digest = parsed.find((c) => c.scheme === 'digest' && algorithmOf(c.params) !== undefined);
    const basic = parsed.find((c) => c.scheme === 'basic');
    const chosen = digest ?? basic;
    if (!chosen) return false;
    this.#challenge = { scheme: chosen === digest ? 'digest' : 'basic', params: chosen.params };
    this.#nonceCount = 0;
    return true;
  }

  /** The value of the Authorization header; undefined before a challenge. */
  header(method: string, uri: string): string | undefined {
    if (!this.#challenge) return undefined;
    const { user, password } = this.#credentials;
    if (this.#challenge.scheme === 'basic') return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
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

function parseChallenge(line: string): { scheme: string; params: Map<string, string> } {
  const [scheme = ''] = line.split(/\s/, 1);
  const params = new Map<string, string>();
  for (const match of line.slice(scheme.length).matchAll(/([a-z]+)\s*=\s*(?:"([^"]*)"|([^\s,]+))/gi)) {
    params.set((match[1] as string).toLowerCase(), match[2] ?? match[3] ?? '');
  }
  return { scheme: scheme.toLowerCase(), params };
}
