export { OPTIONS, parseSimcamArguments, type SimcamArguments, type SimcamOption } from './arguments.ts';
export { type CertificatePair, selfSignedCertificate } from './certificate.ts';
export { faultTable, helpText } from './help.ts';
export { runSimcam, type SimcamIo } from './simcam.ts';
