import { createHash } from 'node:crypto';
import type { RtspRequest } from './rtsp-message.ts';

/** Credentials and scheme. Passwords are used verbatim and never logged. */
export interface AuthOptions {
  /** `digest` is MD5 (RFC 2617), `digest-sha256` the same with SHA-256 (RFC 7616). */
  readonly scheme: 'basic' | 'digest' | 'digest-sha256';
  readonly user: string;
  readonly password: string;
  /** Default `Simulated camera`. Must not contain a double quote. */
  readonly realm?: string;
}

const DEFAULT_REALM = 'Simulated camera';

/** Verdict on a request. `stale`: computed correctly, but with an expired nonce. */
export type Verdict = 'allowed' | 'refused' | 'stale';

/** Checks the Authorization header of requests. Digest with qop=auth, or without qop as in old clients. */
export class Authenticator {
  readonly #options: Required<AuthOptions>;
  readonly #newNonce: () => string;
  #nonce: string;
  #lastNonce: string | undefined;
  #uses = 0;

  /** @param newNonce Generates the hexadecimal nonce of Digest challenges. */
  constructor(options: AuthOptions, newNonce: () => string) {
    this.#options = { realm: DEFAULT_REALM, ...options };
    this.#newNonce = newNonce;
    this.#nonce = newNonce();
  }

  /** Value of the WWW-Authenticate header. */
  challenge(stale = false): string {
    const { scheme, realm } = this.#options;
    if (scheme === 'basic') return `Basic realm="${realm}"`;
    const flag = stale ? ', stale=true' : '';
    return `Digest realm="${realm}", nonce="${this.#nonce}", algorithm=${ALGORITHMS[scheme].name}, qop="auth"${flag}`;
  }

  /** The nonce of the next challenge, for a vendor's own wording. */
  get nonce(): string {
    return this.#nonce;
  }

  get realm(): string {
    return this.#options.realm;
  }

  /**
   * Whether the request proves knowledge of user and password. Never throws.
   *
   * @param nonceUses How many requests a nonce is valid for; afterwards it is stale.
   */
  check(request: RtspRequest, nonceUses: number = Number.POSITIVE_INFINITY): Verdict {
    const header = request.headers.get('authorization') ?? '';
    const space = header.indexOf(' ');
    const { scheme } = this.#options;
    if (space < 0 || header.slice(0, space).toLowerCase() !== (scheme === 'basic' ? 'basic' : 'digest'))
      return 'refused';
    const credentials = header.slice(space + 1).trim();
    if (scheme === 'basic') return this.#allowsBasic(credentials) ? 'allowed' : 'refused';
    return this.#checkDigest(parseAuthParameters(credentials), scheme, request, nonceUses);
  }

  /** Whether {@link check} allows it. */
  allows(request: RtspRequest): boolean {
    return this.check(request) === 'allowed';
  }

  #allowsBasic(credentials: string): boolean {
    const { user, password } = this.#options;
    return Buffer.from(credentials, 'base64').toString('utf8') === `${user}:${password}`;
  }

  #checkDigest(
    field: ReadonlyMap<string, string>,
    scheme: 'digest' | 'digest-sha256',
    request: RtspRequest,
    nonceUses: number,
  ): Verdict {
    const { user, password, realm } = this.#options;
    const nonce = field.get('nonce') ?? '';
    const knowsNonce = nonce === this.#nonce || nonce === this.#lastNonce;
    // A client that signs another URI than it requests is wrong: real cameras refuse it.
    const facts = [field.get('username') === user, field.get('realm') === realm, knowsNonce];
    if (facts.includes(false) || field.get('uri') !== request.uri) return 'refused';
    const expected = digestResponse({
      user,
      password,
      realm,
      nonce,
      method: request.method,
      uri: request.uri,
      algorithm: ALGORITHMS[scheme].hash,
      ...(field.get('qop') === 'auth' ? { qop: { nc: field.get('nc') ?? '', cnonce: field.get('cnonce') ?? '' } } : {}),
    });
    if (field.get('response')?.toLowerCase() !== expected) return 'refused';
    if (nonce === this.#lastNonce) return 'stale';
    this.#uses += 1;
    if (this.#uses <= nonceUses) return 'allowed';
    this.#lastNonce = this.#nonce;
    this.#nonce = this.#newNonce();
    this.#uses = 0;
    return 'stale';
  }
}

const ALGORITHMS = {
  digest: { name: 'MD5', hash: 'md5' },
  'digest-sha256': { name: 'SHA-256', hash: 'sha256' },
} as const;

/** Input of {@link digestResponse}. */
export interface DigestFacts {
  readonly user: string;
  readonly password: string;
  readonly realm: string;
  readonly nonce: string;
  readonly method: string;
  readonly uri: string;
  /** Present for qop=auth: nonce count (8 hexadecimal digits) and client nonce. */
  readonly qop?: { readonly nc: string; readonly cnonce: string };
  /** Default MD5. */
  readonly algorithm?: 'md5' | 'sha256';
}

/** The `response` value of Digest authentication (RFC 2617 3.2.2, RFC 7616): hexadecimal digits in lower case. */
export function digestResponse(facts: DigestFacts): string {
  const hash = (text: string): string =>
    createHash(facts.algorithm ?? 'md5')
      .update(text, 'utf8')
      .digest('hex');
  const ha1 = hash(`${facts.user}:${facts.realm}:${facts.password}`);
  const ha2 = hash(`${facts.method}:${facts.uri}`);
  const middle = facts.qop ? `${facts.nonce}:${facts.qop.nc}:${facts.qop.cnonce}:auth` : facts.nonce;
  return hash(`${ha1}:${middle}:${ha2}`);
}

/** Parameters of a challenge or of credentials: `name=value` or `name="value"`, comma separated; names in lower case. */
export function parseAuthParameters(text: string): Map<string, string> {
  const out = new Map<string, string>();
  for (const match of text.matchAll(/([a-z]+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))/gi)) {
    out.set((match[1] as string).toLowerCase(), match[2] ?? match[3] ?? '');
  }
  return out;
}
