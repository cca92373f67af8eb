import type { AccessUnit } from '#core/media';
import { AccessUnitAssembler } from './access-unit-assembler.ts';
import type { NalFormat } from './nal-format.ts';
import { RtpTrack, type RtpTrackOptions } from './rtp-track.ts';

/** Options of {@link VideoTrack}. */
export interface VideoTrackOptions extends Omit<RtpTrackOptions, 'onPacket'> {
  /** Every access unit; its data is borrowed until the call returns. */
  readonly onUnit: (unit: AccessUnit) => void;
}

/** The video track of a session: packets in, access units out. */
export class VideoTrack extends RtpTrack {
  readonly #assembler: AccessUnitAssembler;
  /** Access units so far. */
  units = 0;

  constructor(format: NalFormat, options: VideoTrackOptions) {
    super({ ...options, onPacket: (packet, header, readMs) => this.#assembler.push(packet, header, readMs) });
    this.#assembler = new AccessUnitAssembler(format, (unit) => {
      this.units += 1;
      const { data, arrivedMs, keyframe, damaged } = unit;
      const ptsMs = this.timeline.unwrap(unit.rtpTime) / this.ticksPerMs;
      options.onUnit({ data, ptsMs, arrivedMs, keyframe, damaged });
    });
  }

  /** RTP packets that never came. */
  get lostPackets(): number {
    return this.#assembler.lostPackets;
  }

  /** NAL units in a row that are of no such stream. */
  get foreignInARow(): number {
    return this.#assembler.foreignInARow;
  }
}
