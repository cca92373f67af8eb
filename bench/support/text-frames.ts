/** The texts that a WebSocket's server sends: unmasked frames of RFC 6455, each a whole message. */
export class TextFrames {
  readonly #onText: (text: string) => void;
  readonly #onOther: (opcode: number) => void;
  #bytes: Buffer = Buffer.alloc(0);
  #isOpen = false;

  /**
   * @param onText Gets each message.
   * @param onOther Gets the opcode of each other frame: 2 of a binary message, 9 of a ping.
   */
  constructor(onText: (text: string) => void, onOther: (opcode: number) => void = () => undefined) {
    this.#onText = onText;
    this.#onOther = onOther;
  }

  /** Takes what came, the answer to the handshake first. */
  take(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (!this.#isOpen) this.#skipHead();
    while (this.#isOpen && this.#takeFrame());
  }

  #skipHead(): void {
    const end = this.#bytes.indexOf('\r\n\r\n');
    if (end < 0 || !this.#bytes.toString('latin1', 0, 12).endsWith(' 101')) return;
    this.#isOpen = true;
    this.#bytes = this.#bytes.subarray(end + 4);
  }

  /** Returns false when there is no whole frame. */
  #takeFrame(): boolean {
    const bytes = this.#bytes;
    if (bytes.length < 2) return false;
    const short = (bytes[1] ?? 0) & 127;
    const from = short === 127 ? 10 : short === 126 ? 4 : 2;
    if (bytes.length < from) return false;
    const length = short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short;
    if (bytes.length < from + length) return false;
    this.#bytes = bytes.subarray(from + length);
    const opcode = (bytes[0] ?? 0) & 15;
    if (opcode === 1) this.#onText(bytes.toString('utf8', from, from + length));
    else this.#onOther(opcode);
    return true;
  }
}

/** The head of a handshake, without the empty line at its end. */
export function handshake(path: string, host: string): string {
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13';
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${upgrade}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`;
}
