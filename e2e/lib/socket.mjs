import net from 'node:net';
import { eventually } from './eventually.mjs';

/** A TCP connection that sends any bytes and remembers what came back. */
export class Socket {
  /** Connects to a server's port. */
  static async open(port) {
    const self = new Socket();
    self.received = Buffer.alloc(0);
    self.closed = false;
    self.raw = net.connect({ port, host: '127.0.0.1', allowHalfOpen: false });
    self.raw.on('data', (bytes) => (self.received = Buffer.concat([self.received, bytes])));
    await new Promise((done, failed) => {
      self.raw.once('connect', done);
      self.raw.once('error', failed);
    });
    // A reset by the server is one of its ways to close.
    self.raw.on('error', () => {});
    self.raw.on('close', () => (self.closed = true));
    return self;
  }

  /** Sends bytes; a connection that the server has closed takes them without a word. */
  send(bytes) {
    if (!this.raw.destroyed) {
      this.raw.write(bytes);
    }
    return this;
  }

  /** What came back so far. */
  get text() {
    return this.received.toString('latin1');
  }

  /** Waits until `check` holds or the connection is closed. */
  async until(check, { withinMs, what }) {
    await eventually(() => this.closed || check(), { withinMs, what });
    return this;
  }

  /** Ends the connection. */
  end() {
    this.raw.destroy();
  }
}
