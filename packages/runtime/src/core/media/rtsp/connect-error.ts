import { readFileSync } from 'node:fs';
import { codeOf } from '@vigia/base';
import { SourceError } from '#core/media';

/** The reason for a socket error. @param url Without credentials. */
export function connectError(url: string, error: Error): SourceError {
  const code = codeOf(error);
  if (code !== undefined && /^CERT_|^ERR_TLS_CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/.test(code)) {
    const text = `the camera's certificate is not to be trusted (${code}); name its authority in tls.ca, or set tls.verify: false`;
    return new SourceError('refused', `${url}: ${text}`, { cause: error });
  }
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new SourceError('dns', `${url}: the host name cannot be resolved`, { cause: error });
    case 'ECONNREFUSED':
      return new SourceError('refused', `${url}: connection refused, is the camera on and the port right?`, {
        cause: error,
      });
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return new SourceError('timeout', `${url}: the camera cannot be reached`, { cause: error });
    case 'EPROTO':
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
      return new SourceError('corrupt', `${url}: the camera does not speak TLS at this port`, { cause: error });
    default:
      return new SourceError('ended', `${url}: the connection broke (${codeOf(error) ?? error.message})`, {
        cause: error,
      });
  }
}

/** Reads a PEM file. @throws SourceError `refused` when it cannot be read. */
export function readCertificate(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new SourceError('refused', `tls.ca: ${path} cannot be read (${codeOf(error)})`, { cause: error });
  }
}
