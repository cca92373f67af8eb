import type { Report } from '@vigia/contracts';
import type { SimulatedCameraOptions } from '@vigia/testkit';
import type { ClipName } from '../../capture/clips.ts';

/** One row. */
export interface Fault {
  readonly name: string;
  /** The active fault; its short form, if different. */
  readonly faults: readonly string[];
  readonly shortFaults?: readonly string[];
  /** The same, for longer than anybody looks. */
  readonly heldFaults?: readonly string[];
  /** Drops connections at the same moment, for faults that only new connections meet. */
  readonly drop?: boolean;
  /** Expected states, `state(reason)`, in order; empty: the camera stays connected. */
  readonly told: readonly string[];
  /** It ends by itself, like a reboot. */
  readonly passes?: boolean;
  /** How long it lasts after its detection. */
  readonly lastsMs?: number;
  /** An additional line of the camera's configuration. */
  readonly setting?: string;
  readonly camera?: Partial<SimulatedCameraOptions>;
  readonly second?: ClipName | 'hevc';
  /** Further checks of the report. Returns a sentence on failure. */
  readonly check?: (report: Report['cameras'][string]) => string | undefined;
  /** Only in the full run. */
  readonly long?: boolean;
}

const stays = (what: boolean, sentence: string): string | undefined => (what ? undefined : sentence);

/** Every row. */
export const FAULTS: readonly Fault[] = [
  { name: 'refuse', faults: ['refuse'], told: ['waiting(ended)', 'waiting(refused)'], long: true },
  {
    name: '401, wrong password',
    faults: ['unauthorized'],
    drop: true,
    told: ['waiting(ended)', 'waiting(unauthorized)'],
    long: true,
  },
  { name: '404', faults: ['not-found'], drop: true, told: ['waiting(ended)', 'waiting(not_found)'], long: true },
  { name: 'accepts and stays silent', faults: ['silent'], drop: true, told: ['waiting(ended)', 'waiting(timeout)'] },
  { name: 'freezes mid-stream', faults: ['freeze'], told: ['stalled(stalled)'], lastsMs: 1_000, long: true },
  { name: 'freezes permanently', faults: ['freeze'], told: ['waiting(stalled)'] },
  { name: 'media stops, RTSP answers', faults: ['teardown-silently'], told: ['waiting(stalled)'], long: true },
  { name: 'cut mid-packet', faults: ['cut-packet:5'], told: ['waiting(ended)'], long: true },
  {
    name: 'garbage inside RTP, 5 %',
    faults: ['garbage:0.05'],
    told: [],
    lastsMs: 8_000,
    check: (r) =>
      stays(r.reconnects === 0, 'it was left by garbage that it could have skipped') ??
      stays(r.skipped.undecodable > 0, 'spoiled pictures were shown'),
  },
  { name: 'garbage between packets', faults: ['garbage-framing:0.05'], told: [], lastsMs: 8_000, long: true },
  {
    name: 'no keyframes for 10 s',
    faults: ['no-keyframes:10s'],
    shortFaults: ['no-keyframes:5s'],
    heldFaults: ['no-keyframes:90s'],
    told: ['waiting(ended)', 'stalled(stalled)'],
    drop: true,
    passes: true,
  },
  {
    name: 'another resolution mid-stream',
    faults: ['resolution'],
    second: '640×360@15',
    told: [],
    lastsMs: 5_000,
    check: (r) => stays(r.reconnects === 0, 'it was left for another resolution'),
  },
  {
    name: 'another codec mid-stream',
    faults: ['codec-change'],
    second: 'hevc',
    told: ['waiting(codec_changed)'],
    lastsMs: 8_000,
    long: true,
  },
  ...['3600', '-3600'].map(
    (seconds): Fault => ({
      name: `time stamps jump by ${seconds} s`,
      faults: [`pts-jump:${seconds}`],
      told: [],
      lastsMs: 5_000,
      long: seconds === '-3600',
      check: (r) => stays(r.reconnects === 0 && r.skipped.late < 20, 'a jump of the clock was taken for lateness'),
    }),
  ),
  {
    name: 'loss 5 % on UDP',
    faults: ['loss:5'],
    setting: 'transport: udp',
    told: [],
    lastsMs: 10_000,
    check: (r) => stays(r.lost_packets > 0 && r.skipped.undecodable > 0, 'no loss was counted'),
  },
  {
    name: 'the same, on_loss: conceal',
    faults: ['loss:5'],
    setting: 'transport: udp\n    on_loss: conceal',
    told: [],
    lastsMs: 10_000,
    long: true,
    check: (r) => stays(r.concealed > 0, 'nothing was concealed'),
  },
  {
    name: 'duplicates 10 % on UDP',
    faults: ['duplicate:10'],
    setting: 'transport: udp',
    told: [],
    lastsMs: 6_000,
    long: true,
    check: (r) => stays(r.skipped.undecodable === 0, 'packets that came twice were taken for lost'),
  },
  {
    name: 'reordering 10 % on UDP',
    faults: ['reorder:10'],
    setting: 'transport: udp',
    told: [],
    lastsMs: 6_000,
    check: (r) => stays(r.skipped.undecodable === 0, 'packets that only came in another order were taken for lost'),
  },
  { name: 'the stream ends (BYE)', faults: ['end'], told: ['waiting(ended)'] },
  {
    name: 'reboots',
    faults: ['reboot:60s'],
    shortFaults: ['reboot:3s'],
    heldFaults: ['reboot:90s'],
    told: ['waiting(ended)', 'waiting(refused)'],
    passes: true,
    long: true,
  },
  {
    name: 'takes no further viewer (453)',
    faults: ['stale-session:4s'],
    heldFaults: ['stale-session:90s'],
    drop: true,
    told: ['waiting(ended)', 'waiting(refused)'],
    long: true,
  },
  { name: '200 rapid disconnects, 20 s', faults: [], told: ['waiting(ended)'], lastsMs: 20_000, long: true },
];
