import type { Clock, Timer } from '@vigia/base';
import type { ActiveFault, FaultBoard } from '#simulated-camera/faults';
import type { MediaTransport, Negotiated } from './media-transport.ts';

/** Parameters of a {@link FaultyTransport} besides the inner transport. */
export interface FaultyOptions {
  readonly clock: Clock;
  readonly faults: FaultBoard;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Whether it carries video: only that counts for `cut-packet`. */
  readonly carriesPictures: boolean;
  /** The connection breaks now. */
  readonly onCut: () => void;
  /** An RTP packet was damaged, dropped, moved or duplicated. */
  readonly onSpoiled: (what: 'lost' | 'reordered' | 'duplicated' | 'garbled') => void;
}

interface Item {
  readonly kind: 'rtp' | 'rtcp' | 'stray';
  readonly bytes: Buffer;
}

interface Waiting extends Item {
  readonly dueMs: number;
}

const RTP_HEADER_BYTES = 12;
const MAX_STRAY_BYTES = 32;

/** A transport that applies the active faults to packets. Without a fault it changes nothing. Owns the inner one. */
export class FaultyTransport implements MediaTransport {
  readonly #inner: MediaTransport;
  readonly #options: FaultyOptions;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #lastDueMs = 0;
  #timer: Timer | undefined;
  #held: Buffer | undefined;
  #frozen = false;
  #units = 0;
  #countedFor: ActiveFault | undefined;

  constructor(inner: MediaTransport, options: FaultyOptions) {
    this.#inner = inner;
    this.#options = options;
  }

  get negotiated(): Negotiated {
    return this.#inner.negotiated;
  }

  /** Includes bytes waiting here: a slow line is a client that reads slowly. */
  get backlogBytes(): number {
    return this.#inner.backlogBytes + this.#waitingBytes;
  }

  sendRtp(packets: readonly Buffer[]): number {
    if (this.#options.carriesPictures && this.#cutIsDue()) return this.#cut(packets);
    const { faults } = this.#options;
    // A packet still waiting to be swapped must not get lost when the fault ends.
    if (faults.active.length === 0 && !this.#held) return this.#flushAnd(() => this.#inner.sendRtp(packets));
    return this.#send(this.#withStray(this.#reorder(this.#duplicate(this.#garble(this.#lose(packets))))));
  }

  sendRtcp(packet: Buffer): number {
    // The camera holds back pictures only.
    if (this.#options.faults.get('delay')) return this.#inner.sendRtcp(packet);
    return this.#send([{ kind: 'rtcp', bytes: packet }]);
  }

  sendStray(bytes: Buffer): number {
    return this.#send([{ kind: 'stray', bytes }]);
  }

  sendHalf(packet: Buffer): number {
    return this.#inner.sendHalf(packet);
  }

  /** Holds bytes back until {@link thaw}. */
  freeze(): void {
    this.#frozen = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  thaw(): void {
    this.#frozen = false;
    this.#pump();
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#inner.close();
  }

  #cutIsDue(): boolean {
    const fault = this.#options.faults.get('cut-packet');
    if (!fault) return false;
    if (fault !== this.#countedFor) this.#units = 0;
    this.#countedFor = fault;
    this.#units += 1;
    return this.#units > fault.value;
  }

  #cut(packets: readonly Buffer[]): number {
    const at = packets.length >> 1;
    const bytes = this.#inner.sendRtp(packets.slice(0, at)) + this.#inner.sendHalf(packets[at] as Buffer);
    this.#options.onCut();
    return bytes;
  }

  /** Whether a fault with a percentage applies this time. */
  #hits(name: 'loss' | 'reorder' | 'duplicate'): boolean {
    const fault = this.#options.faults.get(name);
    return fault !== undefined && this.#options.random() * 100 < fault.value;
  }

  #below(bound: number): number {
    return Math.floor(this.#options.random() * bound);
  }

  #lose(packets: readonly Buffer[]): readonly Buffer[] {
    if (!this.#options.faults.get('loss')) return packets;
    return packets.filter(() => {
      const lost = this.#hits('loss');
      if (lost) this.#options.onSpoiled('lost');
      return !lost;
    });
  }

  #garble(packets: readonly Buffer[]): readonly Buffer[] {
    const share = this.#options.faults.get('garbage')?.value;
    if (share === undefined) return packets;
    for (const packet of packets) {
      const size = packet.byteLength - RTP_HEADER_BYTES;
      if (size <= 0 || this.#options.random() >= share) continue;
      const from = RTP_HEADER_BYTES + this.#below(size);
      const to = Math.min(packet.byteLength, from + 1 + this.#below(size));
      for (let at = from; at < to; at += 1) packet[at] = this.#below(256);
      this.#options.onSpoiled('garbled');
    }
    return packets;
  }

  #duplicate(packets: readonly Buffer[]): readonly Buffer[] {
    if (!this.#options.faults.get('duplicate')) return packets;
    return packets.flatMap((packet) => {
      if (!this.#hits('duplicate')) return [packet];
      this.#options.onSpoiled('duplicated');
      return [packet, packet];
    });
  }

  /** Swaps neighbours, also across two frames. Within a TCP stream order is kept. */
  #reorder(packets: readonly Buffer[]): readonly Buffer[] {
    const possible = this.negotiated.protocol === 'udp' && this.#options.faults.get('reorder') !== undefined;
    if (!possible && !this.#held) return packets;
    const out: Buffer[] = [];
    for (const packet of packets) {
      if (!this.#held && possible && this.#hits('reorder')) {
        this.#held = packet;
        this.#options.onSpoiled('reordered');
        continue;
      }
      out.push(packet);
      if (this.#held) out.push(this.#held);
      this.#held = undefined;
    }
    return out;
  }

  #withStray(packets: readonly Buffer[]): Item[] {
    const share = this.#options.faults.get('garbage-framing')?.value ?? 0;
    return packets.flatMap((bytes): Item[] => {
      const packet: Item = { kind: 'rtp', bytes };
      if (share === 0 || this.#options.random() >= share) return [packet];
      const stray = Buffer.from(Array.from({ length: 1 + this.#below(MAX_STRAY_BYTES) }, () => this.#below(256)));
      return [{ kind: 'stray', bytes: stray }, packet];
    });
  }

  #send(items: readonly Item[]): number {
    const { clock, faults, random } = this.#options;
    const bytesPerMs = (faults.get('slow')?.value ?? Number.POSITIVE_INFINITY) / 8;
    const jitterMs = faults.get('jitter')?.value ?? 0;
    const heldMs = this.#heldMs();
    if (bytesPerMs === Number.POSITIVE_INFINITY && jitterMs === 0 && heldMs === 0)
      return this.#flushAnd(() => this.#write(items));
    let dueMs = Math.max(clock.nowMs() + heldMs + random() * jitterMs, this.#lastDueMs);
    let bytes = 0;
    for (const item of items) {
      dueMs += item.bytes.byteLength / bytesPerMs;
      bytes += item.bytes.byteLength;
      this.#waiting.push({ ...item, dueMs });
    }
    this.#lastDueMs = dueMs;
    this.#waitingBytes += bytes;
    this.#pump();
    return bytes;
  }

  #heldMs(): number {
    const { faults } = this.#options;
    return (faults.get('delay')?.value ?? 0) + (faults.get('relay')?.value ?? 0);
  }

  /** Keeps the order: waiting bytes go first. */
  #flushAnd(send: () => number): number {
    this.#lastDueMs = 0;
    if (this.#waiting.length > 0) {
      this.#timer?.cancel();
      this.#timer = undefined;
      this.#write(this.#waiting.splice(0));
      this.#waitingBytes = 0;
    }
    return send();
  }

  #pump(): void {
    if (this.#timer || this.#frozen || this.#waiting.length === 0) return;
    const { clock, faults } = this.#options;
    const delayed = faults.get('slow') !== undefined || faults.get('jitter') !== undefined || this.#heldMs() > 0;
    const nowMs = delayed ? clock.nowMs() : Number.POSITIVE_INFINITY;
    const firstLater = this.#waiting.findIndex((item) => item.dueMs > nowMs);
    const due = this.#waiting.splice(0, firstLater < 0 ? this.#waiting.length : firstLater);
    for (const item of due) this.#waitingBytes -= item.bytes.byteLength;
    this.#write(due);
    const next = this.#waiting[0];
    if (!next) return;
    this.#timer = clock.after(Math.max(1, Math.ceil(next.dueMs - clock.nowMs())), () => {
      this.#timer = undefined;
      this.#pump();
    });
  }

  #write(items: readonly Item[]): number {
    let bytes = 0;
    let run: Buffer[] = [];
    const flush = (): void => {
      if (run.length > 0) bytes += this.#inner.sendRtp(run);
      run = [];
    };
    for (const { kind, bytes: data } of items) {
      if (kind === 'rtp') {
        run.push(data);
        continue;
      }
      flush();
      bytes += kind === 'rtcp' ? this.#inner.sendRtcp(data) : this.#inner.sendStray(data);
    }
    flush();
    return bytes;
  }
}
