import { parseSourceUrl, type Source, type SourceOptions } from '#core/media';
import { RtspClient } from '#core/media/rtsp';
import { DemuxedSource } from './demuxed-source.ts';
import { MjpegClient } from './mjpeg-client.ts';

/**
 * Opens any kind of source that a configuration may name.
 *
 * @throws SourceError with the reason, after closing everything; the signal's reason when aborted.
 */
export function connectSource(options: SourceOptions, signal: AbortSignal): Promise<Source> {
  const { kind } = parseSourceUrl(options.url);
  if (kind === 'rtsp' || kind === 'rtsps') return RtspClient.open(options, signal);
  if (kind === 'http' || kind === 'https') return MjpegClient.open(options, signal);
  return DemuxedSource.open(options, signal);
}
