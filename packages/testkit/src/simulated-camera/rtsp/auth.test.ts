import { describe, expect, it } from 'vitest';
import { Authenticator, digestResponse, parseAuthParameters } from './auth.ts';
import type { RtspRequest } from './rtsp-message.ts';

const NONCE = 'abc123';
const digest = { scheme: 'digest', user: 'admin', password: 'pa:ss wörd', realm: 'R' } as const;
const uri = 'rtsp://h/stream';

function request(authorization: string | undefined, method = 'DESCRIBE'): RtspRequest {
  const headers = new Map(authorization === undefined ? [] : [['authorization', authorization]]);
  return { kind: 'request', method, uri, version: 'RTSP/1.0', headers, body: Buffer.alloc(0) };
}

function authorize(change: Partial<Parameters<typeof digestResponse>[0]> = {}, shownUri: string = uri): string {
  const facts = { ...digest, nonce: NONCE, method: 'DESCRIBE', uri, qop: { nc: '00000001', cnonce: 'c' }, ...change };
  const qop = facts.qop ? `, qop=auth, nc=${facts.qop.nc}, cnonce="${facts.qop.cnonce}"` : '';
  const named = `username="${facts.user}", realm="${facts.realm}", nonce="${facts.nonce}", uri="${shownUri}"`;
  return `Digest ${named}${qop}, response="${digestResponse(facts)}"`;
}

describe('digestResponse', () => {
  it('agrees with the example of RFC 2617 3.5', () => {
    const facts = {
      user: 'Mufasa',
      password: 'Circle Of Life',
      realm: 'testrealm@host.com',
      method: 'GET',
      uri: '/dir/index.html',
    };
    const qop = { nc: '00000001', cnonce: '0a4f113b' };
    expect(digestResponse({ ...facts, nonce: 'dcd98b7102dd2f0e8b11d0f600bfb0c093', qop })).toBe(
      '6629fae49393a05397450978507c4ef1',
    );
  });

  it('agrees with the examples of RFC 7616 3.9.1', () => {
    const facts = {
      user: 'Mufasa',
      password: 'Circle of Life',
      realm: 'http-auth@example.org',
      nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
      method: 'GET',
      uri: '/dir/index.html',
      qop: { nc: '00000001', cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ' },
    };
    expect(digestResponse(facts)).toBe('8ca523f5e9506fed4657c9700eebdbec');
    expect(digestResponse({ ...facts, algorithm: 'sha256' })).toBe(
      '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1',
    );
  });
});

describe('Digest', () => {
  const authenticator = new Authenticator(digest, () => NONCE);

  it('is asked for with realm, nonce and qop', () => {
    expect(Object.fromEntries(parseAuthParameters(authenticator.challenge().slice('Digest '.length)))).toEqual({
      realm: 'R',
      nonce: NONCE,
      algorithm: 'MD5',
      qop: 'auth',
    });
  });

  it('accepts the password, with and without qop', () => {
    const { user, password, realm } = digest;
    const old = digestResponse({ user, password, realm, nonce: NONCE, method: 'DESCRIBE', uri });
    expect(authenticator.allows(request(authorize()))).toBe(true);
    expect(
      authenticator.allows(
        request(`digest username="admin",realm="R",nonce="${NONCE}",uri="${uri}",response="${old.toUpperCase()}"`),
      ),
    ).toBe(true);
  });

  it.each([
    ['nothing', undefined],
    ['an empty header', ''],
    ['garbage', 'Digest ====,,,"'],
    ['Basic', `Basic ${Buffer.from('admin:pa:ss wörd').toString('base64')}`],
    ['a wrong password', authorize({ password: 'x' })],
    ['another user', authorize({ user: 'root' })],
    ['an old nonce', authorize({ nonce: 'old' })],
    ['another method', authorize({ method: 'PLAY' })],
    ['another URI, signed', authorize({ uri: `${uri}/trackID=0` }, `${uri}/trackID=0`)],
    ['another URI, unsigned', authorize({}, `${uri}/trackID=0`)],
  ])('keeps out: %s', (_, header) => {
    expect(authenticator.allows(request(header))).toBe(false);
  });
});

describe('Basic', () => {
  const authenticator = new Authenticator({ scheme: 'basic', user: 'u', password: 'p:w' }, () => NONCE);

  it('accepts the password and nothing else', () => {
    const header = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
    expect(authenticator.challenge()).toBe('Basic realm="Simulated camera"');
    expect(authenticator.allows(request(header('u:p:w')))).toBe(true);
    expect(['u:x', 'x:p:w', ''].map((text) => authenticator.allows(request(header(text))))).toEqual([
      false,
      false,
      false,
    ]);
  });
});
