import { expect, test } from 'vitest';
import { smallStreamOf } from './small-stream.ts';

test.each([
  ['rtsp://admin:x%40y@10.0.0.4/Streaming/Channels/101', '/Streaming/Channels/102'],
  [
    'rtsp://10.0.0.4:554/Streaming/channels/1601?transportmode=unicast',
    '/Streaming/channels/1602?transportmode=unicast',
  ],
  ['rtsp://10.0.0.4/h264/ch1/main/av_stream', '/h264/ch1/sub/av_stream'],
  ['rtsp://u:p@cam/cam/realmonitor?channel=1&subtype=0', '/cam/realmonitor?channel=1&subtype=1'],
  ['rtsp://cam/cam/realmonitor?channel=1&subtype=0&unicast=true', '/cam/realmonitor?channel=1&subtype=1&unicast=true'],
  ['rtsp://cam/h265Preview_01_main', '/h264Preview_01_sub'],
  ['rtsp://cam/Preview_02_main', '/Preview_02_sub'],
  ['rtsps://cam/media/video1', '/media/video2'],
  ['rtsp://cam/unicast/c1/s0/live', '/unicast/c1/s1/live'],
  ['rtsp://cam/stream1', '/stream2'],
  ['rtsp://cam/videoMain', '/videoSub'],
])('%s has %s beside it', (large, small) => {
  expect(smallStreamOf(large)).toBe(small);
});

test.each([
  'rtsp://cam/Streaming/Channels/102',
  'rtsp://cam/cam/realmonitor?channel=1&subtype=00',
  'rtsp://cam/stream10',
  'rtsp://cam/live',
  'rtsp://cam',
  'http://cam/stream1',
  'file:/videos/stream1',
])('nothing is known beside %s', (source) => {
  expect(smallStreamOf(source)).toBeNull();
});
