import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, VigiaError } from '@vigia/base';

/** A certificate and its key, PEM-encoded. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

/**
 * Creates a self-signed certificate for `localhost` and `host`, valid for a month, with the `openssl` program.
 *
 * @throws VigiaError `no_openssl` when that is missing or fails.
 */
export function selfSignedCertificate(host = '127.0.0.1'): CertificatePair {
  const folder = mkdtempSync(join(tmpdir(), 'vigia-simcam-'));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  try {
    const names = /^[\d.]+$|:/.test(host) ? `IP:${host}` : `DNS:${host}`;
    const subject = ['-subj', '/CN=Simulated camera', '-addext', `subjectAltName=DNS:localhost,${names}`];
    const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30'];
    const done = spawnSync('openssl', ['req', ...kind, ...subject, '-keyout', key, '-out', cert], { encoding: 'utf8' });
    if (done.status !== 0) throw done.error ?? new Error(done.stderr.trim().split('\n').at(-1));
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  } catch (cause) {
    const message = `openssl made no certificate (${messageOf(cause)}): the program openssl is needed, or --tls-cert and --tls-key`;
    throw new VigiaError('no_openssl', message, { cause });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
