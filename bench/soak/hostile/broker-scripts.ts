import type { Random } from '../container-fuzz/random.ts';
import { ForeignText } from './foreign.ts';

/** What a hostile broker does with a connection. */
export interface BrokerScript {
  /** In answer to CONNECT. */
  readonly first: Buffer;
  /** Afterwards, one write each. */
  readonly rest: readonly Buffer[];
  readonly after: 'end' | 'reset' | 'open';
  /** Written again and again, as fast as the client reads it, until the connection ends. */
  readonly flood?: Buffer;
}

/** Types of packets (MQTT 5, 2.1.2). */
const [CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, PINGRESP, DISCONNECT, AUTH] = [
  2, 3, 4, 5, 6, 7, 9, 11, 13, 14, 15,
];
const CODES = [
  1, 2, 3, 4, 5, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 140, 144, 149, 151, 153, 156, 157, 159, 255,
];
/** Properties with one text (MQTT 5, 2.2.2.2): reason, server reference, response information, assigned client id. */
const TEXTS = [31, 28, 26, 18];

const FLOOD = 'a flood without end';
/** It takes the processor from the others. */
const FLOOD_ONE_IN = 12;
const FLOOD_BYTES = 64 * 1024;

function lengthOf(bytes: number): Buffer {
  const out: number[] = [];
  for (let left = bytes; out.length === 0 || left > 0; left = Math.floor(left / 128))
    out.push((left % 128) | (left >= 128 ? 0x80 : 0));
  return Buffer.from(out);
}

/** A packet. @param announced Its length as it is announced, when another. */
function packet(type: number, flags: number, body: Buffer, announced = body.byteLength): Buffer {
  return Buffer.concat([Buffer.from([(type << 4) | flags]), lengthOf(announced), body]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value).subarray(0, 65_535);
  return Buffer.concat([Buffer.from([bytes.byteLength >> 8, bytes.byteLength & 255]), bytes]);
}

function properties(random: Random, foreign: ForeignText): Buffer {
  const body = Buffer.concat(
    Array.from({ length: random.int(0, 2) }, () =>
      Buffer.concat([Buffer.from([random.of(TEXTS)]), text(foreign.line().slice(0, 500))]),
    ),
  );
  return Buffer.concat([lengthOf(body.byteLength), body]);
}

function connack(code: number, more: Buffer = Buffer.from([0])): Buffer {
  return packet(CONNACK, 0, Buffer.concat([Buffer.from([0, code]), more]));
}

function publish(random: Random, foreign: BrokerText, qos: number): Buffer {
  const commands = ['hall/restart', '_node/status', '_node/logs', 'hall/x'].map(
    (what) => `vigia/${foreign.node}/cmd/${what}`,
  );
  const topic = random.of([...commands, foreign.line().slice(0, 300), '']);
  const id = qos > 0 ? Buffer.from([0, random.int(0, 255)]) : Buffer.alloc(0);
  const payload = Buffer.from(
    random.of([foreign.next(), JSON.stringify({ id: foreign.line().slice(0, 70) }), '{"id":"a"}', '']),
  );
  return packet(PUBLISH, (qos << 1) | random.int(0, 1), Buffer.concat([text(topic), id, Buffer.from([0]), payload]));
}

/** The texts of a broker, which knows its client. */
class BrokerText extends ForeignText {
  readonly node: string;

  constructor(random: Random, node: string) {
    super(random);
    this.node = node;
  }
}

type Maker = (random: Random, foreign: BrokerText) => Partial<BrokerScript>;

const small = (random: Random, foreign: BrokerText): Buffer =>
  random.of<() => Buffer>([
    () => packet(PINGRESP, 0, Buffer.alloc(0)),
    () => packet(PUBACK, 0, Buffer.from([random.int(0, 255), random.int(0, 255)])),
    () => packet(PUBREC, 0, Buffer.from([0, random.int(0, 9)])),
    () => packet(PUBREL, 2, Buffer.from([0, random.int(0, 9)])),
    () => packet(PUBCOMP, 0, Buffer.from([0, random.int(0, 9)])),
    () => packet(SUBACK, 0, Buffer.from([0, 1, 0, random.of([0, 1, 128])])),
    () => packet(UNSUBACK, 0, Buffer.from([0, 1, 0, 0])),
    () => publish(random, foreign, 0),
    () => publish(random, foreign, 1),
  ])();

const MAKERS: Readonly<Record<string, Maker>> = {
  refusals: (random, foreign) => ({
    first: connack(random.of(CODES), random.once(2) ? properties(random, foreign) : undefined),
  }),
  'accepted, with texts': (random, foreign) => ({ first: connack(0, properties(random, foreign)) }),
  'small packets': (random, foreign) => ({
    rest: [Buffer.concat(Array.from({ length: random.of([1, 50, 500]) }, () => small(random, foreign)))],
  }),
  'one small packet, many times': (random, foreign) => {
    const one = small(random, foreign).subarray(0, 2_000);
    return {
      rest: Array.from({ length: 5 }, () => Buffer.concat(Array.from({ length: random.of([20, 300]) }, () => one))),
    };
  },
  [FLOOD]: (random, foreign) => {
    const one = small(random, foreign).subarray(0, 2_000);
    const flood = Buffer.concat(Array.from({ length: Math.ceil(FLOOD_BYTES / one.byteLength) }, () => one));
    return { after: 'open', flood };
  },
  'messages of QoS 2': (random, foreign) => ({
    rest: [Buffer.concat(Array.from({ length: random.of([1, 500]) }, () => publish(random, foreign, 2)))],
  }),
  'an enormous packet': (random) => {
    const told = random.of([262_145, 1_000_000, 268_435_455]);
    const head = packet(random.of([PUBLISH, CONNACK, SUBACK, AUTH]), 0, Buffer.alloc(0), told);
    return { rest: [head, ...Array.from({ length: 4 }, () => Buffer.alloc(100_000, 0x61))] };
  },
  'lengths that are none': (random) => ({
    rest: [Buffer.concat([Buffer.from([PUBLISH << 4, 0xff, 0xff, 0xff, random.of([0xff, 0x7f])]), random.bytes(50)])],
  }),
  farewells: (random, foreign) => ({
    rest: [
      packet(
        DISCONNECT,
        0,
        Buffer.concat([Buffer.from([random.of([0, 129, 139, 142, 147, 156, 255])]), properties(random, foreign)]),
      ),
    ],
  }),
  'an authentication': (random, foreign) => ({
    first: packet(AUTH, 0, Buffer.concat([Buffer.from([0x18]), properties(random, foreign)])),
  }),
  'packets of any kind': (random) => ({
    rest: [
      Buffer.concat(
        Array.from({ length: random.int(1, 20) }, () =>
          packet(random.int(0, 15), random.int(0, 15), random.bytes(random.int(0, 30))),
        ),
      ),
    ],
  }),
  mutated: (random, foreign) => ({
    first: random.mutated(connack(0)),
    rest: [random.mutated(publish(random, foreign, 1))],
  }),
  'nothing of MQTT': (random, foreign) => ({
    first: Buffer.from(random.of(['HTTP/1.1 200 OK\r\n\r\n', '220 mail\r\n', foreign.next()])),
  }),
  'random bytes': (random) => ({ first: random.bytes(random.int(0, 60)) }),
};
const NAMES = Object.keys(MAKERS);

/** A broker that accepts, and then is silent. */
export function peacefulBroker(): BrokerScript {
  return { first: connack(0), rest: [], after: 'open' };
}

/** A broker's treatment of one connection. @param node The client's node, for its commands. */
export function brokerScript(random: Random, node = 'hostile'): BrokerScript {
  const drawn = random.of(NAMES);
  const name = drawn === FLOOD && !random.once(FLOOD_ONE_IN) ? 'small packets' : drawn;
  const made = MAKERS[name]?.(random, new BrokerText(random, node));
  return { first: connack(0), rest: [], after: random.of(['end', 'end', 'reset']), ...made };
}
