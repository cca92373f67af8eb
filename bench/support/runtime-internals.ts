/**
 * The only place that reaches into the runtime: two parts of it are measured by themselves, and the package offers no
 * door to them because nobody else should.
 */
export { H264Decoder } from '@vigia/runtime/dist/core/media/libav/index.js';
export { RtspClient } from '@vigia/runtime/dist/core/media/rtsp/index.js';
