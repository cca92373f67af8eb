/** @module-tag full */
// The camera as seen by another program: Debian's ffmpeg, on the built files.
import { spawn } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { SimulatedCamera, type SimulatedCameraOptions } from '@vigia/testkit';
import { madeClip } from './clips.ts';

/** Thirty decoded frames, one line each. */
const FRAMES = ['-frames:v', '30', '-f', 'framemd5', '-'];
const cameras: SimulatedCamera[] = [];

afterEach(async () => {
  for (const cam of cameras.splice(0)) await cam.close();
});

async function camera(options: SimulatedCameraOptions): Promise<SimulatedCamera> {
  const cam = await SimulatedCamera.start(options);
  cameras.push(cam);
  return cam;
}

/** The output of ffmpeg with these arguments. */
async function ffmpeg(...args: string[]): Promise<string> {
  const child = spawn('ffmpeg', ['-hide_banner', '-nostdin', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.on('data', (chunk) => (text += String(chunk)));
  child.stderr.on('data', (chunk) => (text += String(chunk)));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`ffmpeg ended with ${code}: ${text}`);
  return text;
}

describe('ffmpeg', () => {
  it.each([
    ['h264', 'tcp'],
    ['h265', 'tcp'],
    ['h265Slices', 'udp'],
    ['h264Slices', 'udp'],
  ] as const)('decodes %s by %s without a complaint', async (recipe, transport) => {
    const cam = await camera({ clip: madeClip(recipe), fps: 50 });
    const text = await ffmpeg('-rtsp_transport', transport, '-i', cam.url, '-fps_mode', 'passthrough', ...FRAMES);
    expect(text).toMatch(new RegExp(`Video: ${recipe.startsWith('h264') ? 'h264' : 'hevc'}.*320x240`));
    expect(text).toMatch(/frame= *30 /);
    expect(text).not.toMatch(/error|corrupt|missed|concealing/i);
  });

  it.each(['pcma', 'pcmu', 'aac'] as const)('hears the tone as %s', async (audio) => {
    const cam = await camera({ clip: madeClip('h264Aac'), audio });
    const text = await ffmpeg(
      '-rtsp_transport',
      'tcp',
      '-i',
      cam.url,
      '-vn',
      '-t',
      '1',
      '-af',
      'volumedetect',
      '-f',
      'null',
      '-',
    );
    // A sine of amplitude 8000 is 15.3 dB below full scale; that of the clip is 21 dB below.
    const mean = Number(/mean_volume: (-[\d.]+) dB/.exec(text)?.[1]);
    expect(Math.abs(mean - (audio === 'aac' ? -21 : -15.3))).toBeLessThan(1);
  });

  it.each([
    ['anjvision', 'h265'],
    ['anpviz', 'h264'],
    ['bunny', 'h264'],
    ['dahua', 'h264'],
    ['dahua', 'h265'],
    ['gw_main', 'h264'],
    ['hikvision', 'h264'],
    ['missing_content_type', 'h264'],
    ['reolink', 'h264'],
  ] as const)('gets along with the manners of %s, %s', async (vendor, recipe) => {
    const cam = await camera({ clip: madeClip(recipe), fps: 50, mannersFiles: [vendor] });
    const text = await ffmpeg(
      '-rtsp_transport',
      'tcp',
      '-i',
      cam.url,
      '-map',
      '0:v',
      '-fps_mode',
      'passthrough',
      ...FRAMES,
    );
    expect(text).toMatch(/frame= *30 /);
  });
});
