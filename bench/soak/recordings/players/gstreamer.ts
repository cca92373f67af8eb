import { repositoryFile } from '../../child.ts';
import type { SoakRun } from '../../soak-run.ts';
import { printed } from './limits.ts';
import { NUMBER_PLACE } from './numbers.ts';

const PLAYER = repositoryFile('bench/soak/recordings/players/gst_player.py');
const PYTHON = '/usr/bin/python3';
/** It gives up by itself before. */
const MARGIN_MS = 5_000;

/** What GStreamer decoded. */
export interface Decoded {
  /** `end`, or why it ended before. */
  readonly end: string;
  /** Of the pictures, in order: see `numbers.ts`. */
  readonly numbers: readonly number[];
  readonly times_ms: readonly number[];
  readonly audio_samples: number;
  readonly warnings: readonly string[];
  /** Names of the elements that did it. */
  readonly elements: readonly string[];
  readonly version: string;
}

/** Plays a playlist to its end, as fast as it can be decoded. @param source The element that finds out how. */
export async function playWithGStreamer(run: SoakRun, url: string, source: string, limitS: number): Promise<Decoded> {
  const numbers = [NUMBER_PLACE.bits, NUMBER_PLACE.square].map(String);
  const limitMs = limitS * 1000 + MARGIN_MS;
  const { code, out, err } = await printed(run, limitMs, [PYTHON, PLAYER, url, ...numbers, String(limitS), source]);
  if (code !== 0) throw new Error(`GStreamer ended with ${code}: ${err.trim()}`);
  return JSON.parse(out) as Decoded;
}
