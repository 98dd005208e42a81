import { rm } from 'node:fs/promises';
import { eventually, settled } from './eventually.mjs';
import { freePort, launch, run, temporaryFolder } from './server.mjs';

/** The slots of each master. */
const SLOTS = [
  [0, 5_460],
  [5_461, 10_922],
  [10_923, 16_383],
];
/** How far above its port a member of a cluster talks to the others. */
const BUS = 10_000;

/** One redis-server that is to be a member of a cluster. */
class Master {
  static async start() {
    const self = new Master();
    self.folder = await temporaryFolder();
    self.port = await freePort({ companion: BUS });
    const where = ['--bind', '127.0.0.1', '--port', String(self.port), '--dir', self.folder];
    const what = ['--save', '', '--appendonly', 'no', '--cluster-enabled', 'yes', '--cluster-node-timeout', '1000'];
    self.child = launch([...where, ...what], { bin: 'redis-server' });
    return self;
  }

  /** What `redis-cli` prints for a command. */
  async cli(...args) {
    return (await run('redis-cli', ['-e', '-h', '127.0.0.1', '-p', String(this.port), ...args])).trim();
  }

  /** Waits until it answers, unless it has ended. */
  async answers() {
    let over;
    this.child.ended.then(
      ({ code, stdout, stderr }) => (over = `redis-server ended with ${code}: ${stdout}${stderr}`),
      (error) => (over = `${error.message}; install it (on Debian: apt-get install redis-server)`),
    );
    await eventually(async () => over !== undefined || (await this.cli('PING')) === 'PONG', {
      withinMs: 20_000,
      what: 'an answer of redis-server',
    });
    if (over !== undefined) {
      throw new Error(over);
    }
  }

  async dispose() {
    this.child.kill('SIGKILL');
    await settled(this.child.ended.catch(() => {}), { withinMs: 10_000, what: 'the end of redis-server' });
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A real Redis Cluster of three masters, which writes nothing to disk. */
export class RedisCluster {
  /** Starts it, and waits until all masters say that it is complete. */
  static async start() {
    const self = new RedisCluster();
    self.masters = [];
    try {
      for (const _ of SLOTS) {
        const master = await Master.start();
        self.masters.push(master);
        await master.answers();
      }
      await self.#join();
    } catch (error) {
      await self.dispose();
      throw error;
    }
    return self;
  }

  /** The addresses of all masters, as a server's configuration names them. */
  get urls() {
    return this.masters.map(({ port }) => `redis://127.0.0.1:${port}`).join(',');
  }

  async #join() {
    const [first] = this.masters;
    for (const [index, master] of this.masters.entries()) {
      await master.cli('CLUSTER', 'ADDSLOTSRANGE', ...SLOTS[index].map(String));
      await master.cli('CLUSTER', 'MEET', '127.0.0.1', String(first.port));
    }
    const complete = async (master) => {
      const info = await master.cli('CLUSTER', 'INFO');
      return ['cluster_state:ok', `cluster_known_nodes:${SLOTS.length}`].every((line) => info.includes(line));
    };
    await eventually(async () => (await Promise.all(this.masters.map(complete))).every(Boolean), {
      withinMs: 30_000,
      what: 'a complete Redis Cluster',
    });
  }

  /** Stops it and removes its folders. */
  async dispose() {
    await Promise.all(this.masters.map((master) => master.dispose()));
  }
}
