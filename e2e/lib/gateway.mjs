import WebSocket from 'ws';
import { eventually, settled } from './eventually.mjs';

/** A client of the gateway that speaks its frames without the SDK, so also as another platform. */
export class RawClient {
  /** Opens the socket. */
  static async open(server, { platform = 7 } = {}) {
    const self = new RawClient();
    self.server = server;
    self.platform = platform;
    self.seq = 0;
    self.waiting = new Map();
    /** Bodies of pushes, and how the socket ended. */
    self.pushes = [];
    self.closed = undefined;
    const query = `sdkappid=${server.app.id}&instanceid=${'0'.repeat(32)}&random=0.5&platform=${platform}&version=-1`;
    self.socket = new WebSocket(`${server.gateway}/binfo?${query}`);
    self.socket.on('message', (bytes, binary) => {
      if (!binary) {
        throw new Error('the gateway sent a text frame');
      }
      const { head, body } = JSON.parse(bytes);
      const done = self.waiting.get(`${head.servcmd} ${head.seq}`);
      if (done) {
        self.waiting.delete(`${head.servcmd} ${head.seq}`);
        done(body);
      } else {
        self.pushes.push({ command: head.servcmd, ...body });
      }
    });
    self.socket.on('close', (code) => (self.closed = code));
    await new Promise((done, failed) => {
      self.socket.once('open', done);
      self.socket.once('error', failed);
    });
    self.socket.on('error', () => {});
    return self;
  }

  /** One command; gives the body of the answer. */
  request(command, body = {}, head = {}) {
    const seq = ++this.seq;
    const frame = {
      head: {
        ver: 'v4',
        platform: this.platform,
        sdkappid: this.server.app.id,
        contenttype: 'json',
        reqtime: Math.floor(Date.now() / 1000),
        status_instid: 0,
        ...this.session,
        ...head,
        servcmd: command,
        seq,
      },
      body,
    };
    const answer = new Promise((done) => this.waiting.set(`${command} ${seq}`, done));
    this.socket.send(Buffer.from(JSON.stringify(frame)));
    return settled(answer, { withinMs: 10_000, what: `the answer to ${command}` });
  }

  /** Tries to log in; gives the body of the answer. */
  async tryLogin(userID, userSig = this.server.sign(userID)) {
    const body = { State: 'Online', is_web_uniapp: 0, InstType: 0, CustomInfo: '' };
    const answer = await this.request('im_open_status.wslogin', body, { identifier: userID, usersig: userSig });
    if (answer.ErrorCode === 0) {
      this.session = { a2: answer.A2Key, tinyid: answer.TinyId, status_instid: answer.InstId };
    }
    return answer;
  }

  /** Logs in. */
  async login(userID, userSig) {
    const answer = await this.tryLogin(userID, userSig);
    if (answer.ErrorCode !== 0) {
      throw new Error(`the login of ${userID} was refused: ${JSON.stringify(answer)}`);
    }
    return answer;
  }

  /** Closes the socket and waits until the other side has agreed. */
  async close() {
    this.socket.close();
    await eventually(() => this.closed !== undefined, { withinMs: 5_000, what: 'the close of the socket' });
  }
}
