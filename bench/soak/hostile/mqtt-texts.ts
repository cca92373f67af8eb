const PUBLISH = 3;
/** Of the protocol in CONNECT: behind its header, the length of the name, and the name. */
const LEVEL_AT = 6;
const MQTT_5 = 5;

/** Takes topics and payloads out of what an MQTT client sends (MQTT 5, 2.1 and 3.3). */
export class MqttTexts {
  #held: Buffer = Buffer.alloc(0);
  #version = MQTT_5;

  /** @returns a topic and a payload for each message that the chunk completes. */
  push(chunk: Buffer): string[] {
    this.#held = Buffer.concat([this.#held, chunk]);
    const found: string[] = [];
    for (let whole = this.#next(); whole; whole = this.#next()) found.push(...this.#textsIn(whole.type, whole.body));
    return found;
  }

  #next(): { readonly type: number; readonly body: Buffer } | undefined {
    const { value, bytes } = lengthAt(this.#held, 1);
    const end = 1 + bytes + value;
    if (bytes === 0 || this.#held.byteLength < end) return undefined;
    const whole = { type: this.#held[0] ?? 0, body: this.#held.subarray(1 + bytes, end) };
    this.#held = this.#held.subarray(end);
    return whole;
  }

  #textsIn(type: number, body: Buffer): string[] {
    if (type >> 4 === 1) this.#version = body[LEVEL_AT] ?? MQTT_5;
    if (type >> 4 !== PUBLISH) return [];
    const topicEnd = 2 + body.readUInt16BE(0);
    let at = topicEnd + ((type >> 1) & 3 ? 2 : 0);
    if (this.#version === MQTT_5) {
      const { value, bytes } = lengthAt(body, at);
      at += bytes + value;
    }
    return [body.toString('utf8', 2, topicEnd), body.toString('utf8', at)];
  }
}

/** A length of one to four bytes; `bytes` is 0 when it is not whole. */
function lengthAt(data: Buffer, at: number): { readonly value: number; readonly bytes: number } {
  let value = 0;
  for (let n = 0; n < 4; n += 1) {
    const byte = data[at + n];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 128 ** n;
    if (byte < 0x80) return { value, bytes: n + 1 };
  }
  return { value: 0, bytes: 0 };
}
