import { existsSync, readdirSync } from 'node:fs';
import { chmod, chown, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, settled } from './eventually.mjs';
import { freePort, launch, run, temporaryFolder } from './server.mjs';

/** Where Debian puts each version's programs, in a folder named after the version. */
const VERSIONS = '/usr/lib/postgresql';
/** Whom it runs as when the suite runs as root, whom it refuses to be run by. */
const USER = 'postgres';

/** The folder with the programs of the newest version there is. */
export function newestPrograms() {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS) : [];
  const [newest] = versions
    .filter((version) => existsSync(join(VERSIONS, version, 'bin', 'initdb')))
    .sort((a, b) => Number(b) - Number(a));
  if (newest === undefined) {
    throw new Error(`there is no PostgreSQL in ${VERSIONS}: install it (on Debian: apt-get install postgresql)`);
  }
  return join(VERSIONS, newest, 'bin');
}

/** A real PostgreSQL with an empty database, in a folder and on a port of its own. */
export class Postgres {
  /** Makes it and starts it. */
  static async start() {
    const self = new Postgres();
    self.programs = newestPrograms();
    self.folder = await temporaryFolder();
    self.port = await freePort();
    try {
      await self.#giveFolderAway();
      await self.#makeData();
      await self.#up();
    } catch (error) {
      await self.dispose();
      throw error;
    }
    return self;
  }

  /** Where servers find the database. */
  get url() {
    return `postgres://${USER}@127.0.0.1:${this.port}/postgres?sslmode=disable`;
  }

  get #isRoot() {
    return process.getuid() === 0;
  }

  async #giveFolderAway() {
    await chmod(this.folder, 0o700);
    if (this.#isRoot) {
      const [uid, gid] = await Promise.all(['-u', '-g'].map((flag) => run('id', [flag, USER])));
      await chown(this.folder, Number(uid), Number(gid));
    }
  }

  async #makeData() {
    const data = ['-D', join(this.folder, 'data')];
    const rest = ['--username', USER, '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'];
    const [bin, args] = this.#asUser('initdb', [...data, ...rest]);
    await run(bin, args, { cwd: this.folder, withinMs: 60_000 });
  }

  async #up() {
    const [bin, args] = this.#asUser('postgres', [
      ...['-D', join(this.folder, 'data'), '-p', String(this.port)],
      ...['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
    ]);
    this.child = launch(args, { bin, cwd: this.folder, signal: 'SIGQUIT' });
    await eventually(() => this.child.exitCode !== null || this.#answers(), {
      withinMs: 60_000,
      what: 'an answer of PostgreSQL',
    });
    if (this.child.exitCode !== null) {
      throw new Error(`PostgreSQL ended with ${this.child.exitCode}: ${this.child.err}`);
    }
  }

  async #answers() {
    const bin = join(this.programs, 'pg_isready');
    const { code } = await launch(['-h', '127.0.0.1', '-p', String(this.port)], { bin }).ended;
    return code === 0;
  }

  /** One of its programs, run by whom it may be run by. */
  #asUser(name, args) {
    const bin = join(this.programs, name);
    return this.#isRoot
      ? ['setpriv', ['--reuid', USER, '--regid', USER, '--clear-groups', bin, ...args]]
      : [bin, args];
  }

  /** Stops it and removes its folder. */
  async dispose() {
    this.child?.kill('SIGQUIT');
    try {
      await settled(this.child?.ended, { withinMs: 20_000, what: 'the end of PostgreSQL' });
    } finally {
      await rm(this.folder, { recursive: true, force: true });
    }
  }
}
