// Finds or installs what the suite needs beside the server: the node modules, the Python library, Chromium, curl,
// Redis; PostgreSQL is only looked for.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const say = (text) => console.log(`setup: ${text}`);

function fail(text) {
  console.error(`setup: ${text}`);
  process.exit(1);
}

/** Runs a command; true when it ended well. */
function run(command, args, { quiet = false } = {}) {
  const { status } = spawnSync(command, args, {
    cwd: here,
    stdio: quiet ? 'ignore' : ['ignore', 'inherit', 'inherit'],
  });
  return status === 0;
}

const inPath = (name) => (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)));

/** Installs a Debian package, where that is possible. */
function aptInstall(name) {
  if (process.getuid?.() !== 0 || !inPath('apt-get')) {
    return false;
  }
  say(`installing the Debian package ${name}`);
  return run('apt-get', ['update']) && run('apt-get', ['install', '-y', '--no-install-recommends', name]);
}

function nodeModules() {
  const wanted = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8')).devDependencies;
  const has = ([name, version]) => {
    const file = join(here, 'node_modules', name, 'package.json');
    return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).version === version;
  };
  if (!Object.entries(wanted).every(has)) {
    say('installing the node modules (npm ci)');
    if (!run('npm', ['ci', '--ignore-scripts'])) {
      fail('npm ci failed; see above');
    }
  }
  for (const [name, version] of Object.entries(wanted)) {
    say(`node module ${name} ${version}`);
  }
}

function pythonLibrary() {
  const folder = join(here, '.python');
  if (!inPath('python3') && !aptInstall('python3')) {
    fail('python3 is not in PATH; install it');
  }
  if (!existsSync(join(folder, 'TLSSigAPIv2.py'))) {
    if (!run('python3', ['-m', 'pip', '--version'], { quiet: true }) && !aptInstall('python3-pip')) {
      fail('python3 has no pip; install it (Debian: python3-pip)');
    }
    say('installing the Python library tls-sig-api-v2 into .python');
    if (
      !run('python3', [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--target',
        folder,
        '--no-deps',
        '--root-user-action',
        'ignore',
        '-r',
        'requirements.txt',
      ])
    ) {
      fail('pip install failed; see above');
    }
  }
  say(`Python library ${readFileSync(join(here, 'requirements.txt'), 'utf8').split(' ')[0]}`);
}

async function chromium() {
  const { findChromium } = await import('./lib/browser.mjs');
  const path = findChromium() ?? (aptInstall('chromium') ? findChromium() : undefined);
  if (!path) {
    fail(
      'no Chromium: name one in the variable CHROMIUM, or put chromium, chromium-browser or google-chrome into PATH',
    );
  }
  say(`Chromium ${path}`);
}

function curl() {
  if (!inPath('curl') && !aptInstall('curl')) {
    fail('curl is not in PATH; install it');
  }
  say('curl');
}

function redis() {
  const found = () => ['redis-server', 'redis-cli'].every(inPath);
  if (!found() && !(aptInstall('redis-server') && found())) {
    fail('redis-server and redis-cli are not in PATH; install them (Debian: redis-server)');
  }
  say('Redis');
}

async function postgres() {
  const { newestPrograms } = await import('./lib/postgres.mjs');
  try {
    say(`PostgreSQL in ${newestPrograms()}`);
  } catch (error) {
    fail(error.message);
  }
}

nodeModules();
pythonLibrary();
await chromium();
curl();
redis();
await postgres();
