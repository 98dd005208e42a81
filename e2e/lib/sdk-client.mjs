import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { eventually, settled } from './eventually.mjs';
import { environment } from './server.mjs';

/** What an SDK promise was rejected with. */
export class SdkError extends Error {
  constructor(method, { code, message }) {
    super(`${method} was rejected with ${code}: ${message}`);
    this.code = code;
    this.info = message;
  }
}

/** One SDK instance somewhere else: its calls, events and log. `deliver(operation, args)` carries out a call. */
export class SdkClient {
  /** Every event so far: `{name, data, at}`. */
  events = [];
  /** Every line that the SDK printed: `{level, text}`. */
  log = [];
  /** Every exception and rejection that nobody handled in the SDK's realm. */
  faults = [];

  constructor(server, userID, deliver) {
    this.server = server;
    this.userID = userID;
    this.deliver = deliver;
  }

  /** Takes in what the realm reported. */
  receive(message) {
    if (message.kind === 'event') {
      this.events.push({ name: message.name, data: message.data, at: performance.now() });
    } else if (message.kind === 'log') {
      this.log.push({ level: message.level, text: message.text });
    } else if (message.kind === 'fault') {
      this.faults.push(message);
    }
  }

  async #perform(operation, args, name, withinMs) {
    const { value, error } = await settled(this.deliver(operation, args), {
      withinMs,
      what: `${name} of ${this.userID}`,
    });
    if (error) {
      throw new SdkError(name, error);
    }
    return value;
  }

  /** Makes the SDK instance; it opens its socket at once. */
  create(proxyServer = this.server.gateway) {
    return this.#perform('create', [{ SDKAppID: this.server.app.id, proxyServer }], 'create', 30_000);
  }

  /** Any method of the SDK. */
  call(method, ...args) {
    return this.#perform('call', [method, ...args], method, 100_000);
  }

  /** As `call`, but waits out the SDK's own limit on how often a method may be called (2996). */
  patiently(method, ...args) {
    return eventually(
      async () => {
        try {
          return { value: await this.call(method, ...args) };
        } catch (error) {
          return error.code === 2996 ? undefined : { error };
        }
      },
      { withinMs: 15_000, everyMs: 250, what: `${method} of ${this.userID} within the SDK's own limits` },
    ).then(({ value, error }) => {
      if (error) {
        throw error;
      }
      return value;
    });
  }

  /** Logs in with a new UserSig. */
  login(userSig = this.server.sign(this.userID)) {
    return this.call('login', { userID: this.userID, userSig });
  }

  /** Logs in and waits until the SDK is ready and knows its groups. */
  async enter() {
    const from = this.events.length;
    await this.login();
    await this.event('SDK_READY', { from });
    await this.event('GROUP_LIST_UPDATED', { from, withinMs: 15_000 });
  }

  /** The first event of this name since `from`. */
  event(name, { from = 0, withinMs = 10_000, where = () => true } = {}) {
    return eventually(() => this.events.slice(from).find((event) => event.name === name && where(event.data)), {
      withinMs,
      what: `the event ${name} of ${this.userID}`,
    });
  }

  /** How often an event of this name has come. */
  seen(name, from = 0) {
    return this.events.slice(from).filter((event) => event.name === name).length;
  }

  /** What the SDK printed at its error level. */
  get errors() {
    return this.log.filter((line) => line.level === 'error').map((line) => line.text);
  }
}

/** A process with SDK instances in it, which can be frozen and killed. */
export class SdkProcess {
  #waiting = new Map();
  #next = 1;
  #clients = new Map();

  constructor() {
    this.child = fork(fileURLToPath(new URL('./sdk-process.mjs', import.meta.url)), {
      env: environment(),
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.ended = new Promise((done) => this.child.once('exit', done));
    this.child.on('message', ({ worker, ...message }) => {
      if (message.kind === 'answer') {
        this.#waiting.get(message.id)?.(message);
        this.#waiting.delete(message.id);
      } else {
        this.#clients.get(worker)?.receive(message);
      }
    });
    living.add(this.child);
    this.child.once('exit', () => living.delete(this.child));
  }

  /** Makes one more SDK instance in this process. */
  async client(server, userID, { proxyServer } = {}) {
    const worker = String(this.#clients.size);
    const client = new SdkClient(server, userID, (operation, args) => this.#deliver(worker, operation, args));
    client.process = this;
    this.#clients.set(worker, client);
    await client.create(proxyServer);
    return client;
  }

  #deliver(worker, operation, args) {
    return new Promise((done) => {
      const id = this.#next++;
      this.#waiting.set(id, done);
      this.child.send({ worker, id, operation, args });
    });
  }

  /** Stops every thread where it is; the sockets stay open. */
  freeze() {
    this.child.kill('SIGSTOP');
  }

  /** Lets the threads run again. */
  thaw() {
    this.child.kill('SIGCONT');
  }

  /** Ends the process without a word. */
  async kill() {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

const living = new Set();
process.on('exit', () => living.forEach((child) => child.kill('SIGKILL')));
