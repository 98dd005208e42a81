import net from 'node:net';
import { eventually } from './eventually.mjs';
import { FrameReader, opcodes } from './frames.mjs';

/**
 * A load balancer between clients and the server: passes bytes on, can cut all connections, holds new ones while the
 * server is down, and notes every message that clients send.
 */
export class Proxy {
  /** Starts a proxy to a port of this machine. */
  static async start(port) {
    const self = new Proxy();
    /** Where new connections go. */
    self.port = port;
    self.pairs = new Set();
    /** Every message from a client: `{command, at}`. */
    self.messages = [];
    self.listener = net.createServer((client) => self.#accept(client));
    await new Promise((done) => self.listener.listen(0, '127.0.0.1', done));
    self.gateway = `ws://127.0.0.1:${self.listener.address().port}`;
    return self;
  }

  #accept(client) {
    const pair = { client };
    this.pairs.add(pair);
    client.on('error', () => {});
    client.on('close', () => {
      this.pairs.delete(pair);
      pair.server?.destroy();
    });
    client.pause();
    this.#connect(client).then(
      (server) => {
        pair.server = server;
        server.on('close', () => client.destroy());
        const reader = new FrameReader({ afterHandshake: true });
        client.on('data', (bytes) => this.#note(reader.read(bytes)));
        client.pipe(server);
        server.pipe(client);
      },
      () => client.destroy(),
    );
  }

  /** A connection to the server, as soon as there is one. */
  async #connect(client) {
    return eventually(
      () =>
        new Promise((done, failed) => {
          if (client.destroyed) {
            throw new Error('the client is gone');
          }
          const server = net.connect(this.port, '127.0.0.1', () => done(server));
          server.once('error', failed);
          server.on('error', () => {});
        }),
      { withinMs: 30_000, everyMs: 20, what: 'a connection to the server' },
    );
  }

  #note(frames) {
    for (const { opcode, compressed, payload } of frames) {
      if (opcode === opcodes.text || opcode === opcodes.binary) {
        const command = compressed ? '(compressed)' : JSON.parse(payload).head.servcmd;
        this.messages.push({ command, at: performance.now() });
      }
    }
  }

  /** Breaks every connection on both sides. */
  cut() {
    for (const { client, server } of this.pairs) {
      client.resetAndDestroy();
      server?.resetAndDestroy();
    }
  }

  /** Ends the proxy. */
  close() {
    this.listener.close();
    this.cut();
  }
}
