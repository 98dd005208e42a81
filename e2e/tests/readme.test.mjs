// The first count of README.md, typed as it stands there.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually } from '../lib/eventually.mjs';
import { binary, environment, headcount, launch, temporaryFolder } from '../lib/server.mjs';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** The shell block behind a marker, with the address of the server in place of the default one. */
async function block(marker, address) {
  const readme = await readFile(join(repository, 'README.md'), 'utf8');
  const [, behind] = readme.split(`<!-- test: ${marker} -->\n\`\`\`sh\n`);
  return behind.split('```')[0].replaceAll('127.0.0.1:8080', address);
}

/** Runs one line of shell to its end and gives what it printed. */
async function shell(line, options) {
  const { stdout } = await launch(['-c', line], { bin: 'bash', ...options }).ended;
  return stdout;
}

test('README: a first count in a minute', { timeout: 180_000 }, async (t) => {
  const root = await temporaryFolder();
  t.after(() => rm(root, { recursive: true, force: true }));
  await mkdir(join(root, 'target/release'), { recursive: true });
  await symlink(binary, join(root, 'target/release/headcount'));
  await cp(join(repository, 'examples'), join(root, 'examples'), {
    recursive: true,
    filter: (path) => !path.includes('node_modules'),
  });

  const server = launch(['serve', '--listen', '127.0.0.1:0', '--ops-listen', '127.0.0.1:0'], { cwd: root });
  t.after(() => server.kill('SIGKILL'));
  const address = await eventually(
    async () => JSON.parse(await readFile(join(root, 'data/server.json'), 'utf8')).listen,
    { withinMs: 10_000, what: 'the server' },
  );
  const curl = await eventually(() => server.out.split('\n').find((line) => line.startsWith('curl ')), {
    withinMs: 5_000,
    what: 'the printed curl line',
  });
  const count = async () => JSON.parse(await shell(curl)).OnlineMemberNum;
  assert.equal(await count(), 0);

  // A shell of its own group, so that Ctrl-C reaches the client as it would in a terminal.
  const client = spawn('bash', ['-c', await block('first-count', address)], {
    cwd: root,
    detached: true,
    env: environment(),
  });
  let printed = '';
  client.stdout.setEncoding('utf8').on('data', (text) => (printed += text));
  client.stderr.setEncoding('utf8').on('data', (text) => (printed += text));
  t.after(() => client.exitCode === null && process.kill(-client.pid, 'SIGKILL'));
  await eventually(() => printed.includes('alice is online in @TGS#_first'), {
    withinMs: 120_000,
    what: `the client of the README (${printed})`,
  });
  assert.equal(await count(), 1);

  process.kill(-client.pid, 'SIGINT');
  await eventually(async () => (await count()) === 0, { withinMs: 5_000, what: 'the count after Ctrl-C' });
  const { code, stdout } = await headcount(['audit', '--data-dir', join(root, 'data')]);
  assert.equal(code, 0, stdout);
});
