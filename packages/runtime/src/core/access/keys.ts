import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const ID_BYTES = 6;
const SECRET_BYTES = 32;
/** Begins with a name that secret scanners can look for. */
const FORM = /^vigia_([0-9a-f]{12})_([\w-]{43})$/;

/** A new key: what is stored, and what its owner gets. */
export interface NewKey {
  readonly id: string;
  readonly hash: string;
  /** `vigia_<id>_<secret>`. */
  readonly text: string;
}

/** Makes the secret of a token or session: 256 random bits. */
export function newKey(): NewKey {
  const id = randomBytes(ID_BYTES).toString('hex');
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  return { id, hash: digest(secret), text: `vigia_${id}_${secret}` };
}

/** The two parts of a key; undefined for anything else. */
export function keyParts(text: string): { readonly id: string; readonly secret: string } | undefined {
  const [, id, secret] = FORM.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** Whether a secret is the stored one, in a time that does not depend on how much of it is right. */
export function isSecretOf(hash: string, secret: string): boolean {
  return sameText(digest(secret), hash);
}

/**
 * What a page must send with each change in a session (`X-CSRF-Token`): another site's page can make a browser send
 * the cookie, but cannot read this.
 */
export function csrfOf(secret: string): string {
  return digest(`csrf ${secret}`);
}

/** Compares two texts in constant time. */
export function sameText(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
