import { resolve } from 'node:path';
import { UsageError } from '@vigia/base';
import type { RemoteSettings } from '#manifest';

/** Source of a model. */
export type ModelAddress =
  | { readonly kind: 'file'; readonly path: string }
  /** `npm` is `name@version`; `file` a path in the package, if given. */
  | { readonly kind: 'npm'; readonly npm: string; readonly file: string | undefined }
  | { readonly kind: 'remote'; readonly remote: RemoteSettings };

const NPM = /^npm:((?:@[\w~.-]+\/)?[\w~.-]+@\d+\.\d+\.\d+[\w.+-]*)(?:\/(.+))?$/;
const REMOTE_PATH = /^\/v2\/models\/([\w.-]{1,128})(?:\/versions\/([\w.-]{1,64}))?\/?$/;
/** Matched even if the rest of the address is wrong. */
const WITH_SCHEME = /^[a-z][a-z0-9+.-]*:\//i;
const ALLOWED =
  'allowed are a FILE.onnx, npm:NAME@VERSION[/path/in/package.onnx] with an exact version, and http(s)://HOST[:PORT]/v2/models/NAME[/versions/V]';

/** Parses the SOURCE of `vigia models add`. @throws UsageError naming the allowed forms. */
export function parseAddress(text: string): ModelAddress {
  if (text.startsWith('npm:')) return npmAddress(text);
  // Text that may contain a password is never repeated in a message, which may be displayed or logged.
  if (text.includes('@') && (WITH_SCHEME.test(text) || !text.endsWith('.onnx'))) {
    throw new UsageError(
      `the source has an @ in it: a user name or a password would be stored with the model; leave them out, and put a bearer token into VIGIA_REMOTE_TOKEN. Else ${ALLOWED}`,
    );
  }
  if (WITH_SCHEME.test(text)) return remoteAddress(text);
  if (!text.endsWith('.onnx')) throw new UsageError(`found the source "${text}", ${ALLOWED}`);
  return { kind: 'file', path: resolve(text) };
}

function npmAddress(text: string): ModelAddress {
  const [, npm, file] = NPM.exec(text) ?? [];
  const bad = file !== undefined && (!file.endsWith('.onnx') || file.split('/').includes('..'));
  if (npm === undefined || bad) throw new UsageError(`found the source "${text}", ${ALLOWED}`);
  return { kind: 'npm', npm, file };
}

function remoteAddress(text: string): ModelAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const [, model, version] = (url && REMOTE_PATH.exec(url.pathname)) ?? [];
  const web = url?.protocol === 'http:' || url?.protocol === 'https:';
  if (!url || !web || model === undefined || url.search || url.hash) {
    throw new UsageError(`found the source "${text.split(/[?#]/)[0]}", ${ALLOWED}`);
  }
  return { kind: 'remote', remote: { url: url.origin, model, ...(version === undefined ? {} : { version }) } };
}
