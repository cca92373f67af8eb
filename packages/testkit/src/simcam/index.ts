export { type CertificatePair, selfSignedCertificate } from './certificate.ts';
