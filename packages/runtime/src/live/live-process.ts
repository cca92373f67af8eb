import { createSocket } from 'node:dgram';
import { setPriority } from 'node:os';
import {
  ChildEntry,
  codeOf,
  createLog,
  every,
  type Handlers,
  jsonLineSink,
  systemClock,
  VigiaError,
} from '@vigia/base';
import { LIVE_WORDS, type LiveSetup, type LiveWords, NODE_LIVE_WORDS, type NodeLiveWords } from '#core/live-link';
import { Live } from './live.ts';
import { type LiveAddress, liveAddress, Peers } from './peer.ts';

/** Viewers are cut off at the end; nothing has to be written. Milliseconds. */
const CLOSE_MS = 500;
const VIEWERS_MS = 1_000;
/** Niceness: viewers wait for cameras and models. */
const NICE = 5;

/** The entry of the live process: waits for its setup, answers offers, runs until its parent ends it. */
class LiveProcess {
  readonly #entry: ChildEntry<LiveWords, NodeLiveWords>;
  #live: Live | undefined;
  #peers: Peers | undefined;

  constructor() {
    setPriority(NICE);
    this.#entry = new ChildEntry({
      name: 'live',
      speaks: LIVE_WORDS,
      hears: NODE_LIVE_WORDS,
      handlers: this.#handlers(),
      close: async () => {
        await this.#live?.close();
        this.#peers?.close();
      },
      closeMs: () => CLOSE_MS,
    });
  }

  #handlers(): Handlers<NodeLiveWords> {
    return {
      requests: { setup: (setup) => this.#entry.setUp(() => this.#begin(setup)) },
      notices: { cameras: (cameras) => this.#live?.use(cameras) },
    };
  }

  async #begin({ socketPath, host, port, cameras }: LiveSetup): Promise<void> {
    const log = createLog('live', jsonLineSink);
    const address = await liveAddress(host, port);
    await checkFree(address);
    this.#peers = await Peers.load(address, systemClock, log);
    const live = await Live.open({ socketPath, cameras, peers: this.#peers, clock: systemClock, log });
    this.#live = live;
    every(systemClock, VIEWERS_MS, () => this.#entry.channel.notify('viewers', { viewers: live.viewers }));
  }
}

/** The library would take any other port. @throws VigiaError `port_in_use`, `cannot_listen` */
function checkFree({ bind, port }: LiveAddress): Promise<void> {
  const socket = createSocket(bind?.includes(':') ? 'udp6' : 'udp4');
  return new Promise((resolve, reject) => {
    socket.once('error', (cause) => {
      socket.close();
      const inUse = codeOf(cause) === 'EADDRINUSE';
      const why = inUse ? 'another program uses it' : (codeOf(cause) ?? cause.message);
      const sentence = `live video: UDP port ${port} of ${bind ?? 'this machine'} cannot be used: ${why}`;
      reject(new VigiaError(inUse ? 'port_in_use' : 'cannot_listen', sentence, { cause }));
    });
    socket.bind(port, bind, () => socket.close(() => resolve()));
  });
}

void new LiveProcess();
