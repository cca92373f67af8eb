/** How makers name the large stream of a camera, and the small one beside it. From their public lists of addresses. */
const MAKERS: readonly (readonly [large: RegExp, small: string])[] = [
  // Hikvision and its many brands: channel 1, stream 01 and 02.
  [/^(\/(?:ISAPI\/)?Streaming\/Channels\/\d*)01(?=$|[/?])/i, '$102'],
  // Hikvision before 2012, Ezviz.
  [/^(\/(?:h26[45]\/)?ch\d+\/)main(?=$|[/?])/i, '$1sub'],
  // Dahua, Amcrest, Lorex.
  [/^(\/cam\/realmonitor\?(?:.*&)?subtype=)0(?=$|&)/i, '$11'],
  // Reolink. The small stream is always H.264.
  [/^\/h26[45](Preview_\d+_)main(?=$|[/?])/, '/h264$1sub'],
  [/^(\/Preview_\d+_)main(?=$|[/?])/, '$1sub'],
  // Uniview.
  [/^(\/media\/video)1(?=$|[/?])/i, '$12'],
  [/^(\/unicast\/c\d+\/s)0(?=\/live)/i, '$11'],
  // TP-Link Tapo and Vigi.
  [/^\/stream1(?=$|[/?])/, '/stream2'],
  // Foscam.
  [/^\/videoMain(?=$|[/?])/, '/videoSub'],
  // Vivotek.
  [/^\/live1s1\.sdp(?=$|[/?])/, '/live1s2.sdp'],
];

/**
 * Path and query of the small stream that a camera usually has beside this one: nobody has tried it. Null: unknown.
 *
 * @param source An address with `rtsp` or `rtsps`. Its login is not in the answer.
 */
export function smallStreamOf(source: string): string | null {
  const path = /^rtsps?:\/\/[^/?#]+(\/[^#]*)/i.exec(source)?.[1];
  if (path === undefined) return null;
  for (const [large, small] of MAKERS) if (large.test(path)) return path.replace(large, small);
  return null;
}
