/** Shorter forms are not redacted: they would redact half of every line. */
const SHORTEST = 4;

const secrets = new Set<string>();

/** Between scheme and host. A password that stands there literally may hold anything but white space and quotes. */
const LOGINS: readonly RegExp[] = [
  // With a colon that begins no port: up to the last `@` of the word. Bounded, because each `://` begins a search.
  /(?<=[a-z][a-z0-9+.-]{0,30}:\/\/)(?!\[user:password@\])[^\s/@:"]*:(?!\d+(?:[/?#\s"]|$))[^\s"]{0,256}(?=@)/gi,
  // The pattern looks back from `://`: trying a scheme at every letter would be quadratic in a long run of letters.
  /(?<=[a-z][a-z0-9+.-]{0,30}:\/\/)(?!\[user:password@\])[^\s/@]+(?=@)/gi,
];
/** Passwords in the path or the query of a URL, as some cameras expect them, and in a header. */
const NAMED: readonly RegExp[] = [
  /(?<=(?:pass(?:word|wd)?|pwd)=)[^&;/\s"']+/gi,
  /(?<=authorization["']?\s{0,2}[:=]\s{0,2}["']?(?:basic|bearer|digest)\s)[^\s"',]+/gi,
];

/**
 * Redacts a value from now on, in every form that it takes on its way into an output: it is printed as `***`. Values
 * under 4 characters are ignored.
 */
export function addSecret(value: string): void {
  for (const form of formsOf(value)) if (form.length >= SHORTEST) secrets.add(form);
}

/** Values that are currently redacted, in all their forms. */
export function knownSecrets(): readonly string[] {
  return [...secrets];
}

/** The text without known secrets and without the user part of any URL. Linear in its length. */
export function redact(text: string): string {
  // All secrets are searched in the original text: of two that overlap, replacing one first would hide the other.
  const hidden = [...LOGINS, ...NAMED].flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match) => spanOf(match.index, match[0])),
  );
  for (const secret of secrets)
    for (let at = text.indexOf(secret); at !== -1; at = text.indexOf(secret, at + secret.length))
      hidden.push(spanOf(at, secret));
  hidden.sort((a, b) => a.from - b.from);
  let out = '';
  let done = 0;
  for (const { from, to } of hidden) {
    if (from >= done) out += `${text.slice(done, from)}***`;
    done = Math.max(done, to);
  }
  return out + text.slice(done);
}

function spanOf(from: number, part: string): { readonly from: number; readonly to: number } {
  return { from, to: from + part.length };
}

/** Plain, in URLs, in JSON, in headers, and as the bytes of UTF-16. */
function formsOf(value: string): string[] {
  const inUrl = wellFormed(value);
  const json = JSON.stringify(value).slice(1, -1);
  const bytes = Buffer.from(value);
  return [
    value,
    value.trim(),
    inUrl,
    inUrl.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    new URLSearchParams({ '': value }).toString().slice(1),
    json,
    json.replaceAll(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
    json.replaceAll('/', '\\/'),
    bytes.toString('base64'),
    bytes.toString('base64url'),
    value.split('').join('\0'),
  ];
}

/** Percent-encoded. Half a surrogate pair, which cannot be, becomes a replacement character. */
function wellFormed(value: string): string {
  return encodeURIComponent(Buffer.from(value).toString('utf8'));
}
