import { eventually } from './eventually.mjs';
import { Postgres } from './postgres.mjs';
import { RedisCluster } from './redis.mjs';
import { createSharedApp, Server } from './server.mjs';

/** The shortest lease there is: how long a node may be silent before its sessions no longer count. */
export const LEASE_MS = 2_500;

/** Three real servers that count as one, with a PostgreSQL and a Redis Cluster of their own. */
export class Cluster {
  /** Starts all of it, and waits until every server is ready. */
  static async start({ appArgs = [] } = {}) {
    const self = new Cluster();
    self.nodes = [];
    try {
      self.postgres = await Postgres.start();
      self.redis = await RedisCluster.start();
      self.app = await createSharedApp(self.postgres.url, appArgs);
      for (const name of ['a', 'b', 'c']) {
        self.nodes.push(await Server.start({ config: self.#config(name), app: self.app }));
      }
      await self.ready();
    } catch (error) {
      await self.dispose();
      throw error;
    }
    return self;
  }

  #config(name) {
    const settings = {
      database: this.postgres.url,
      redis: this.redis.urls,
      redis_mode: 'cluster',
      node: name,
      lease_ms: LEASE_MS,
    };
    const lines = Object.entries(settings).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`);
    return `[cluster]\n${lines.join('')}`;
  }

  /** Waits until every one of these nodes is ready. */
  async ready(nodes = this.nodes) {
    await eventually(async () => (await Promise.all(nodes.map((node) => node.isReady()))).every(Boolean), {
      withinMs: 20_000,
      what: 'ready nodes',
    });
  }

  /** Recounts on every node, and compares what they know of each other. */
  audit() {
    return this.nodes[0].audit(['--cluster', '--url', this.nodes[0].opsOrigin]);
  }

  /** Stops all of it and removes its folders. */
  async dispose() {
    await Promise.all(this.nodes.map((node) => node.dispose()));
    await Promise.all([this.redis?.dispose(), this.postgres?.dispose()]);
  }
}
