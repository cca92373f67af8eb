export {
  type AttachReaderOptions,
  attachBlockingReader,
  attachReader,
  type BlockingProcessFrameReader,
  type ProcessFrameReader,
} from './process-frame-reader.ts';
export { ProcessFrameServer, type ProcessFrameServerOptions } from './process-frame-server.ts';
