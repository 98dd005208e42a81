import { randomBytes } from 'node:crypto';

/** WebSocket frames by hand (RFC 6455), also wrong ones. */

/** The opcodes of frames. */
export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

/** The bytes of one frame. `claimed` states another payload length than the true one. */
export function frame(opcode, payload = Buffer.alloc(0), { fin = true, masked = true, rsv = 0, claimed } = {}) {
  const data = Buffer.from(payload);
  const length = claimed ?? data.length;
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  const flag = masked ? 0x80 : 0;
  if (length < 126) {
    head.push(flag | length);
  } else if (length < 65_536) {
    head.push(flag | 126, length >> 8, length & 0xff);
  } else {
    const wide = Buffer.alloc(8);
    wide.writeBigUInt64BE(BigInt(length));
    head.push(flag | 127, ...wide);
  }
  if (!masked) {
    return Buffer.concat([Buffer.from(head), data]);
  }
  const mask = randomBytes(4);
  for (let index = 0; index < data.length; index++) {
    data[index] ^= mask[index % 4];
  }
  return Buffer.concat([Buffer.from(head), mask, data]);
}

/** The request that turns an HTTP connection into a WebSocket. */
export function upgrade({ path = '/binfo', host = '127.0.0.1', key = randomBytes(16).toString('base64') } = {}) {
  return (
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`
  );
}

/** Takes a byte stream apart into frames. */
export class FrameReader {
  #rest = Buffer.alloc(0);
  #handshake;

  constructor({ afterHandshake = false } = {}) {
    this.#handshake = afterHandshake;
  }

  /** Takes in more bytes and gives the frames that are complete with them. */
  read(bytes) {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    if (this.#handshake) {
      const end = this.#rest.indexOf('\r\n\r\n');
      if (end < 0) {
        return [];
      }
      this.#rest = this.#rest.subarray(end + 4);
      this.#handshake = false;
    }
    const frames = [];
    for (;;) {
      const next = this.#frame();
      if (!next) {
        return frames;
      }
      frames.push(next);
    }
  }

  #frame() {
    const buffer = this.#rest;
    if (buffer.length < 2) {
      return undefined;
    }
    let at = 2;
    let length = buffer[1] & 0x7f;
    const wide = { 126: 2, 127: 8 }[length] ?? 0;
    if (buffer.length < at + wide) {
      return undefined;
    }
    if (wide === 2) {
      length = buffer.readUInt16BE(at);
    } else if (wide === 8) {
      length = Number(buffer.readBigUInt64BE(at));
    }
    at += wide;
    const masked = (buffer[1] & 0x80) !== 0;
    const start = at + (masked ? 4 : 0);
    if (buffer.length < start + length) {
      return undefined;
    }
    const payload = Buffer.from(buffer.subarray(start, start + length));
    if (masked) {
      const mask = buffer.subarray(at, start);
      for (let index = 0; index < length; index++) {
        payload[index] ^= mask[index % 4];
      }
    }
    this.#rest = buffer.subarray(start + length);
    return {
      fin: (buffer[0] & 0x80) !== 0,
      compressed: (buffer[0] & 0x40) !== 0,
      opcode: buffer[0] & 0x0f,
      masked,
      payload,
    };
  }
}
