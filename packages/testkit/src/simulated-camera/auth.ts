import { createHash } from 'node:crypto';
import type { RtspRequest } from './rtsp-message.ts';

/** Who may watch, and how it is asked. Passwords are used as given and never logged. */
export interface AuthOptions {
  readonly scheme: 'basic' | 'digest';
  readonly user: string;
  readonly password: string;
  /** Default `Simulated camera`. Must not contain a double quote. */
  readonly realm?: string;
}

const DEFAULT_REALM = 'Simulated camera';

/** Checks the Authorization header of requests. Digest is MD5 with qop=auth, or without qop as old clients do it. */
export class Authenticator {
  readonly #options: Required<AuthOptions>;
  readonly #nonce: string;

  /** @param nonce Sent with Digest challenges and expected back: hexadecimal text. */
  constructor(options: AuthOptions, nonce: string) {
    this.#options = { realm: DEFAULT_REALM, ...options };
    this.#nonce = nonce;
  }

  /** Value of the WWW-Authenticate header. */
  challenge(): string {
    const { scheme, realm } = this.#options;
    if (scheme === 'basic') return `Basic realm="${realm}"`;
    return `Digest realm="${realm}", nonce="${this.#nonce}", algorithm=MD5, qop="auth"`;
  }

  /** Whether the request proves that it knows user and password. Never throws. */
  allows(request: RtspRequest): boolean {
    const header = request.headers.get('authorization') ?? '';
    const space = header.indexOf(' ');
    if (space < 0 || header.slice(0, space).toLowerCase() !== this.#options.scheme) return false;
    const credentials = header.slice(space + 1).trim();
    return this.#options.scheme === 'basic' ? this.#allowsBasic(credentials) : this.#allowsDigest(credentials, request);
  }

  #allowsBasic(credentials: string): boolean {
    const { user, password } = this.#options;
    return Buffer.from(credentials, 'base64').toString('utf8') === `${user}:${password}`;
  }

  #allowsDigest(credentials: string, request: RtspRequest): boolean {
    const { user, password, realm } = this.#options;
    const field = parseAuthParameters(credentials);
    const facts = [field.get('username') === user, field.get('realm') === realm, field.get('nonce') === this.#nonce];
    // A client that signs another URI than it asks for is wrong: real cameras refuse it.
    if (facts.includes(false) || field.get('uri') !== request.uri) return false;
    const expected = digestResponse({
      user,
      password,
      realm,
      nonce: this.#nonce,
      method: request.method,
      uri: request.uri,
      ...(field.get('qop') === 'auth' ? { qop: { nc: field.get('nc') ?? '', cnonce: field.get('cnonce') ?? '' } } : {}),
    });
    return field.get('response')?.toLowerCase() === expected;
  }
}

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
}

/** The `response` value of Digest authentication with MD5 (RFC 2617 3.2.2): 32 hexadecimal digits in lower case. */
export function digestResponse(facts: DigestFacts): string {
  const ha1 = md5(`${facts.user}:${facts.realm}:${facts.password}`);
  const ha2 = md5(`${facts.method}:${facts.uri}`);
  const middle = facts.qop ? `${facts.nonce}:${facts.qop.nc}:${facts.qop.cnonce}:auth` : facts.nonce;
  return md5(`${ha1}:${middle}:${ha2}`);
}

function md5(text: string): string {
  return createHash('md5').update(text, 'utf8').digest('hex');
}

/** Parameters of a challenge or of credentials: `name=value` or `name="value"`, comma separated; names in lower case. */
export function parseAuthParameters(text: string): Map<string, string> {
  const out = new Map<string, string>();
  for (const match of text.matchAll(/([a-z]+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))/gi)) {
    out.set((match[1] as string).toLowerCase(), match[2] ?? match[3] ?? '');
  }
  return out;
}
