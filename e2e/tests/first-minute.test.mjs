import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, chown, copyFile, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually, settled } from '../lib/eventually.mjs';
import { binary, createApp, environment, headcount, launch, request, sign, temporaryFolder } from '../lib/server.mjs';

const nobody = 65_534;

describe('the first minute', () => {
  let root;
  const children = [];

  /** Starts `serve` on a folder and waits until it is ready. */
  async function serve(dataDir, args = ['--listen', '127.0.0.1:0', '--ops-listen', '127.0.0.1:0']) {
    const child = launch(['serve', '--data-dir', dataDir, ...args]);
    children.push(child);
    child.state = await eventually(
      async () => {
        assert.equal(child.exitCode, null, child.err);
        const state = JSON.parse(await readFile(join(dataDir, 'server.json'), 'utf8'));
        return state.pid === child.pid && state;
      },
      { withinMs: 10_000, what: 'server.json' },
    );
    return child;
  }

  /** Starts `serve` where it must not start; gives what it says. */
  async function refuses(args, options) {
    const { code, stderr } = await headcount(['serve', ...args], options);
    assert.notEqual(code, 0);
    assert.notEqual(code, null, 'it ends by itself');
    assert.doesNotMatch(stderr, /panicked|RUST_BACKTRACE/);
    assert.notEqual(stderr.trim(), '');
    return stderr;
  }

  const anywhere = ['--listen', '127.0.0.1:0', '--ops-listen', '127.0.0.1:0'];
  const exists = (path) =>
    stat(path).then(
      () => true,
      () => false,
    );

  before(async () => {
    root = await temporaryFolder();
  });

  after(async () => {
    children.forEach((child) => child.kill('SIGKILL'));
    await Promise.all(children.map((child) => child.ended));
    await rm(root, { recursive: true, force: true });
  });

  test('serve on an empty folder prints a curl line that works as it is', async () => {
    const dataDir = join(root, 'first');
    const server = await serve(dataDir);
    const { listen } = server.state;
    const line = await eventually(() => /^\s*(curl (?:[^\n]*\\\n)*[^\n]*)$/m.exec(server.out)?.[1], {
      withinMs: 5_000,
      what: 'a curl line on stdout',
    });
    assert.ok(server.out.includes(listen), 'the address');
    assert.match(server.out, new RegExp(`wss?://${listen}`), 'the address of the gateway');
    assert.ok(server.out.includes(dataDir), 'the data folder');
    assert.match(server.out, /\b1[0-9]{9}\b/, 'the id of the app');

    const { error, stdout, stderr } = await new Promise((done) =>
      execFile('sh', ['-c', line], { env: environment(), timeout: 10_000 }, (error_, out, err) =>
        done({ error: error_, stdout: out, stderr: err }),
      ),
    );
    assert.equal(error, null, `${line}\n${stderr}`);
    const answer = JSON.parse(stdout);
    assert.equal(answer.ActionStatus, 'OK', `${line}\n${stdout}`);
    assert.equal(answer.ErrorCode, 0);

    server.kill('SIGTERM');
    const { code } = await settled(server.ended, { withinMs: 15_000, what: 'the end after SIGTERM' });
    assert.equal(code, 0, server.err);
    assert.equal(await exists(join(dataDir, 'server.json')), false, 'server.json is gone after a clean stop');

    const again = await serve(dataDir);
    const repeated = /\b1[0-9]{9}\b/.exec(again.out)?.[0];
    assert.ok(repeated === undefined || server.out.includes(repeated), 'no second app on the second start');
    again.kill('SIGINT');
    assert.equal((await settled(again.ended, { withinMs: 15_000, what: 'the end after SIGINT' })).code, 0);
  });

  test("an app made while the server runs is usable within a second, and its key is in nobody's log", async () => {
    const dataDir = join(root, 'apps');
    const first = await createApp(dataDir);
    const server = await serve(dataDir);
    const usable = async (app) => {
      const query = `sdkappid=${app.id}&identifier=administrator&usersig=${sign(app, 'administrator')}&random=1&contenttype=json`;
      const { text } = await request(`http://${server.state.listen}/v4/im_open_login_svc/account_check?${query}`, {
        body: '{"CheckItem":[{"UserID":"a"}]}',
      });
      return JSON.parse(text).ErrorCode === 0;
    };
    assert.ok(await usable(first));
    const second = await createApp(dataDir);
    assert.notEqual(second.id, first.id);
    await eventually(() => usable(second), { withinMs: 1_000, what: 'an answer for the new app' });
    for (const { key } of [first, second]) {
      assert.ok(!(server.out + server.err).includes(key), 'a key is never logged');
    }
    server.kill('SIGKILL');
    await server.ended;
  });

  test('app create refuses what cannot be', async () => {
    const dataDir = join(root, 'refused');
    const app = await createApp(dataDir, [
      '--sdkappid',
      '1400000777',
      '--name',
      'mine',
      '--admin',
      'boss',
      '--admin',
      'deputy',
    ]);
    assert.deepEqual(app.admins.toSorted(), ['boss', 'deputy']);
    for (const args of [
      ['--sdkappid', '1400000777'],
      ['--sdkappid', '0'],
      ['--sdkappid', 'x'],
    ]) {
      const { code, stderr } = await headcount(['app', 'create', '--data-dir', dataDir, ...args]);
      assert.notEqual(code, 0, args.join(' '));
      assert.notEqual(stderr.trim(), '', args.join(' '));
    }
  });

  test('a port that is taken', async () => {
    const holder = createServer();
    await new Promise((done) => holder.listen(0, '127.0.0.1', done));
    const { port } = holder.address();
    try {
      for (const args of [
        ['--listen', `127.0.0.1:${port}`, '--ops-listen', '127.0.0.1:0'],
        ['--listen', '127.0.0.1:0', '--ops-listen', `127.0.0.1:${port}`],
      ]) {
        const dataDir = join(root, 'taken');
        const said = await refuses(['--data-dir', dataDir, ...args]);
        assert.ok(said.includes(String(port)), said);
        assert.match(said, /in use|taken/i);
        assert.equal(await exists(join(dataDir, 'server.json')), false);
      }
    } finally {
      holder.close();
    }
  });

  test('a data folder that another server uses', async () => {
    const dataDir = join(root, 'shared');
    const server = await serve(dataDir);
    const said = await refuses(['--data-dir', dataDir, ...anywhere]);
    assert.ok(said.includes(dataDir), said);
    assert.match(said, /in use|another|already|running/i);
    assert.equal(JSON.parse(await readFile(join(dataDir, 'server.json'), 'utf8')).pid, server.pid);
    server.kill('SIGKILL');
    await server.ended;
    assert.equal(await exists(join(dataDir, 'server.json')), true, 'a killed server cannot clean up');
    const next = await serve(dataDir);
    next.kill('SIGKILL');
    await next.ended;
  });

  test('a data folder that cannot be written', async () => {
    const dataDir = join(root, 'read-only');
    await mkdir(dataDir);
    let options = {};
    if (process.getuid() === 0) {
      // Root may write anywhere, so the server runs as somebody else, from where they may read it.
      options = { uid: nobody, gid: nobody, bin: join(root, 'headcount'), cwd: root };
      await copyFile(binary, options.bin);
      await chmod(options.bin, 0o755);
      await chmod(root, 0o755);
      await chown(dataDir, nobody, nobody);
    }
    await chmod(dataDir, 0o555);
    const said = await refuses(['--data-dir', dataDir, ...anywhere], options);
    assert.ok(said.includes(dataDir), said);
    assert.match(said, /permission|writ|read-?only/i);
    await chmod(dataDir, 0o755);

    const file = join(root, 'a file');
    await writeFile(file, '');
    const other = await refuses(['--data-dir', file, ...anywhere]);
    assert.ok(other.includes(file), other);
  });

  test('an unknown key in the configuration is told with the nearest known one', async () => {
    const config = join(root, 'wrong.toml');
    for (const [text, wrong, right] of [
      ['[heartbeat]\nweb_timout_s = 60\n', 'web_timout_s', 'web_timeout_s'],
      ['[multi_login]\nweb_instance = 2\n', 'web_instance', 'web_instances'],
      ['[hartbeat]\nweb_timeout_s = 60\n', 'hartbeat', 'heartbeat'],
    ]) {
      await writeFile(config, text);
      const said = await refuses(['--config', config, '--data-dir', join(root, 'unused'), ...anywhere]);
      assert.match(said, new RegExp(`\\b${wrong}\\b`), said);
      assert.match(said, new RegExp(`\\b${right}\\b`), said);
    }
    for (const [text, named] of [
      ['[multi_login]\npolicy = "quadruple"\n', /policy/],
      ['[heartbeat]\nweb_timeout_s = "long"\n', /web_timeout_s/],
      ['[heartbeat]\nweb_timeout_s = -1\n', /web_timeout_s/],
      ['[heartbeat\n', /wrong\.toml|line 1/],
    ]) {
      await writeFile(config, text);
      assert.match(await refuses(['--config', config, '--data-dir', join(root, 'unused'), ...anywhere]), named);
    }
    await refuses(['--config', join(root, 'absent.toml'), '--data-dir', join(root, 'unused'), ...anywhere]).then(
      (said) => assert.ok(said.includes('absent.toml'), said),
    );
    assert.equal(await exists(join(root, 'unused')), false, 'nothing was made');
  });

  test('an unknown variable of the environment', async () => {
    const said = await refuses(['--data-dir', join(root, 'unused'), ...anywhere], { env: { HEADCOUNT_LISTNE: 'x' } });
    assert.match(said, /\bHEADCOUNT_LISTNE\b/);
  });

  test('an unknown option or command', async () => {
    const said = await refuses(['--lissten', '127.0.0.1:0']);
    assert.match(said, /--lissten/);
    const { code, stderr } = await headcount(['sevre']);
    assert.notEqual(code, 0);
    assert.match(stderr, /sevre/);
  });
});
