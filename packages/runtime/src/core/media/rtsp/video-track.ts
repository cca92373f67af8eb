import type { AccessUnit } from '#core/media';
import { AccessUnitAssembler } from './access-unit-assembler.ts';
import type { NalFormat } from './nal-format.ts';
import { RtpTrack, type RtpTrackOptions } from './rtp-track.ts';

/** Options of {@link VideoTrack}. */
export interface VideoTrackOptions extends Omit<RtpTrackOptions, 'onPacket'> {
  /** Receives every access unit. Its data is borrowed until the call returns. */
  readonly onUnit: (unit: AccessUnit) => void;
}

/** The video track of a session: turns packets into access units. */
export class VideoTrack extends RtpTrack {
  readonly #assembler: AccessUnitAssembler;
  /** Access units so far. */
  units = 0;

  constructor(format: NalFormat, options: VideoTrackOptions) {
    super({ ...options, onPacket: (packet, header, readMs) => this.#assembler.push(packet, header, readMs) });
    this.#assembler = new AccessUnitAssembler(format, (unit) => {
      this.units += 1;
      const { data, arrivedMs, keyframe, damaged, afterLoss, recovery, reference, doubt } = unit;
      const ptsMs = this.timeline.unwrap(unit.rtpTime) / this.ticksPerMs;
      options.onUnit({ data, ptsMs, arrivedMs, keyframe, damaged, afterLoss, recovery, reference, doubt });
    });
  }

  /** RTP packets that never arrived. */
  get lostPackets(): number {
    return this.#assembler.lostPackets;
  }

  /** Consecutive NAL units that are invalid for this codec. */
  get foreignInARow(): number {
    return this.#assembler.foreignInARow;
  }
}
