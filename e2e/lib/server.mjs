import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import tlsSigApi from 'tls-sig-api-v2';
import { eventually, settled } from './eventually.mjs';

const suite = fileURLToPath(new URL('..', import.meta.url));

/** The server's binary: `HEADCOUNT_BIN`, from the suite's folder, or the release build of this repository. */
export const binary = resolve(suite, process.env.HEADCOUNT_BIN ?? '../target/release/headcount');

/** This process's environment without the server's own variables, and with `extra`. */
export function environment(extra = {}) {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('HEADCOUNT_'));
  return { ...Object.fromEntries(kept), ...extra };
}

const running = new Map();
process.on('exit', () => running.forEach((signal, child) => child.kill(signal)));

/**
 * Starts the binary, or another program; the child collects its output in `.out` and `.err` and has a promise
 * `.ended`. It does not outlive this process: `signal` ends it.
 */
export function launch(args, { env = {}, bin = binary, signal = 'SIGKILL', ...options } = {}) {
  const child = spawn(bin, args, { env: environment(env), stdio: ['ignore', 'pipe', 'pipe'], ...options });
  running.set(child, signal);
  child.out = '';
  child.err = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (child.out += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (child.err += text));
  child.ended = new Promise((done, failed) => {
    child.once('error', (error) => {
      running.delete(child);
      failed(new Error(`${bin} could not be started: ${error.message}`));
    });
    child.once('close', (code, signal) => {
      running.delete(child);
      done({ code, signal, stdout: child.out, stderr: child.err });
    });
  });
  child.ended.catch(() => {});
  return child;
}

/** Runs one command of the binary to its end. */
export async function headcount(args, { withinMs = 10_000, ...options } = {}) {
  const child = launch(args, options);
  try {
    return await settled(child.ended, { withinMs, what: `headcount ${args.join(' ')}` });
  } finally {
    child.kill('SIGKILL');
  }
}

/** Runs one command of another program to its end, which must be a good one; gives what it printed. */
export async function run(bin, args, { withinMs = 30_000, ...options } = {}) {
  const child = launch(args, { bin, ...options });
  const { code, stdout, stderr } = await settled(child.ended, { withinMs, what: `${bin} ${args.join(' ')}` });
  if (code !== 0) {
    throw new Error(`${bin} ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`);
  }
  return stdout;
}

/** Makes an app in a data folder. */
export function createApp(dataDir, args = []) {
  return createAppIn(['--data-dir', dataDir], args);
}

/** Makes an app in the database that the servers of a cluster share. */
export function createSharedApp(database, args = []) {
  return createAppIn(['--database', database], args);
}

async function createAppIn(place, args) {
  const { code, stdout, stderr } = await headcount(['app', 'create', ...place, ...args]);
  if (code !== 0) {
    throw new Error(`app create ended with ${code}: ${stderr}`);
  }
  const app = JSON.parse(stdout);
  return { id: app.sdkappid, key: app.secretkey, admins: app.admins };
}

/** A UserSig made by the public library. */
export function sign(app, userID, { expireS = 86_400 } = {}) {
  return new tlsSigApi.Api(app.id, app.key).genUserSig(userID, expireS);
}

/** A new empty folder of this suite. */
export function temporaryFolder() {
  return mkdtemp(join(tmpdir(), 'headcount-e2e-'));
}

/**
 * A port nothing listens on, below the range that outgoing connections take theirs from; with `companion`, the port
 * that much above it is free too.
 */
export async function freePort({ companion = 0 } = {}) {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * (12_000 - companion));
    if ((await isFree(port)) && (await isFree(port + companion))) {
      return port;
    }
  }
}

function isFree(port) {
  return new Promise((done) => {
    const probe = createServer();
    probe.once('error', () => done(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => done(true)));
  });
}

/** One HTTP request; gives status, headers and the body as text. */
export function request(url, { method = 'POST', headers = {}, body = '', agent, withinMs = 10_000 } = {}) {
  return new Promise((done, failed) => {
    const bytes = Buffer.from(body);
    const length = method === 'POST' || bytes.length > 0 ? { 'Content-Length': bytes.length } : {};
    const call = http.request(url, { method, agent, headers: { ...length, ...headers } }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('error', failed);
      answer.on('end', () =>
        done({ status: answer.statusCode, headers: answer.headers, text: Buffer.concat(parts).toString('utf8') }),
      );
    });
    call.setTimeout(withinMs, () => call.destroy(new Error(`no answer from ${url} within ${withinMs} ms`)));
    call.on('error', failed);
    call.end(bytes);
  });
}

/** The real server with a data folder of its own. */
export class Server {
  /** Makes a data folder with one app, unless there is one in a shared database, and starts the server on it. */
  static async start({ config = '', port, appArgs = [], app } = {}) {
    const server = new Server();
    server.root = await temporaryFolder();
    server.dataDir = join(server.root, 'data');
    server.configFile = join(server.root, 'headcount.toml');
    server.port = port ?? (await freePort());
    server.children = [];
    await writeFile(server.configFile, config);
    server.app = app ?? (await createApp(server.dataDir, appArgs));
    await server.up();
    return server;
  }

  /** Starts the process; also again after `stop` or `kill`, on the same port. */
  async up() {
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
    this.child = launch([
      'serve',
      '--config',
      this.configFile,
      '--data-dir',
      this.dataDir,
      '--listen',
      `127.0.0.1:${this.port}`,
      '--ops-listen',
      '127.0.0.1:0',
    ]);
    this.children.push(this.child);
    let over;
    this.child.ended.then(
      (end) => (over = `it ended with code ${end.code}, signal ${end.signal}`),
      (error) => (over = error.message),
    );
    const state = await eventually(
      async () => {
        if (over !== undefined) {
          return { over };
        }
        const written = JSON.parse(await readFile(join(this.dataDir, 'server.json'), 'utf8'));
        return written.pid === this.child.pid && written;
      },
      { withinMs: 15_000, what: 'server.json with the pid of the new server' },
    );
    if (state.over !== undefined) {
      throw new Error(`the server did not start: ${state.over}\n${this.log}`);
    }
    this.pid = state.pid;
    this.origin = `http://${state.listen}`;
    this.opsOrigin = `http://${state.ops_listen}`;
    this.gateway = `ws://${state.listen}`;
  }

  /** Whether it wants to be sent clients. */
  async isReady() {
    return (await request(`${this.opsOrigin}/readyz`, { method: 'GET', withinMs: 2_000 })).status === 200;
  }

  /** Everything that every process of this server printed. */
  get log() {
    return this.children.map((child) => child.out + child.err).join('\n');
  }

  /** Ends the process with SIGTERM and gives how it ended. */
  async stop() {
    return this.#end('SIGTERM');
  }

  /** Ends the process with SIGKILL. */
  async kill() {
    return this.#end('SIGKILL');
  }

  async #end(signal) {
    this.agent.destroy();
    this.child.kill(signal);
    return settled(this.child.ended, { withinMs: 20_000, what: `the end of the server after ${signal}` });
  }

  /** Stops the process and removes its folder. */
  async dispose() {
    try {
      await this.kill();
    } finally {
      await rm(this.root, { recursive: true, force: true });
    }
  }

  /** A UserSig for a user of this server's app. */
  sign(userID, { app = this.app, ...options } = {}) {
    return sign(app, userID, options);
  }

  /** The path and query of a command, as a backend would send it. `query` replaces or (undefined) removes. */
  path(service, command, { app = this.app, identifier = 'administrator', usersig, query = {} } = {}) {
    const parameters = {
      sdkappid: app.id,
      identifier,
      usersig: usersig ?? sign(app, identifier),
      random: Math.floor(Math.random() * 4_294_967_296),
      contenttype: 'json',
      ...query,
    };
    const text = Object.entries(parameters)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
      .join('&');
    return `/v4/${service}/${command}?${text}`;
  }

  /** One REST call. A body that is text or bytes is sent as it is. */
  async rest(service, command, body = {}, { headers, method, ...options } = {}) {
    const raw = typeof body === 'string' || Buffer.isBuffer(body);
    return request(this.origin + this.path(service, command, options), {
      method,
      headers,
      body: raw ? body : JSON.stringify(body),
      agent: this.agent,
    });
  }

  /** The JSON answer of one REST call. */
  async call(service, command, body, options) {
    const { status, text } = await this.rest(service, command, body, options);
    if (status !== 200) {
      throw new Error(`${service}/${command} answered HTTP ${status}: ${text}`);
    }
    return JSON.parse(text);
  }

  /** The JSON answer of one REST call that must succeed. */
  async ok(service, command, body, options) {
    const answer = await this.call(service, command, body, options);
    if (answer.ErrorCode !== 0 || answer.ActionStatus !== 'OK') {
      throw new Error(`${service}/${command} answered ${JSON.stringify(answer)}`);
    }
    return answer;
  }

  /** The main question: how many members of a community are online. */
  async count(groupID, options) {
    const answer = await this.ok('million_group_open_http_svc', 'get_online_member_num', { GroupId: groupID }, options);
    return answer.OnlineMemberNum;
  }

  /** Imports accounts, in batches as large as one call allows. */
  async importAccounts(users) {
    for (let from = 0; from < users.length; from += 100) {
      await this.ok('im_open_login_svc', 'multiaccount_import', { Accounts: users.slice(from, from + 100) });
    }
  }

  /** Makes a group and gives its id. */
  async createGroup(type, fields = {}, options) {
    const body = { Type: type, Name: `a ${type} group`, ...fields };
    return (await this.ok('group_open_http_svc', 'create_group', body, options)).GroupId;
  }

  /** Adds members, in batches as large as one call allows. */
  async addMembers(groupID, users) {
    for (let from = 0; from < users.length; from += 300) {
      const batch = users.slice(from, from + 300).map((user) => ({ Member_Account: user }));
      const { MemberList } = await this.ok('group_open_http_svc', 'add_group_member', {
        GroupId: groupID,
        MemberList: batch,
      });
      const failed = MemberList.filter((member) => member.Result !== 1 && member.Result !== 2);
      if (failed.length > 0) {
        throw new Error(`members were not added: ${JSON.stringify(failed)}`);
      }
    }
  }

  /** The role of each user in a group, `NotMember` for strangers. */
  async roles(groupID, users) {
    const { UserIdList } = await this.ok('group_open_http_svc', 'get_role_in_group', {
      GroupId: groupID,
      User_Account: users,
    });
    return Object.fromEntries(UserIdList.map((user) => [user.Member_Account, user.Role]));
  }

  /** Whether each user is `Online` or `Offline`. */
  async statuses(users) {
    const { QueryResult } = await this.ok('openim', 'query_online_status', { To_Account: users });
    return Object.fromEntries(QueryResult.map((user) => [user.To_Account, user.Status]));
  }

  /** Recounts everything from first principles. */
  async audit(args = ['--url', this.opsOrigin]) {
    return headcount(['audit', ...args], { withinMs: 30_000 });
  }
}
