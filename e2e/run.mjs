// Sets up and runs the whole suite; further arguments go to the test runner, e.g. a test file or --test-name-pattern.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const node = (args) => spawnSync(process.execPath, args, { cwd: here, stdio: 'inherit' }).status ?? 1;

const given = process.argv.slice(2);
const files = given.some((argument) => argument.endsWith('.mjs'))
  ? []
  : readdirSync(new URL('./tests/', import.meta.url))
      .filter((name) => name.endsWith('.test.mjs'))
      .map((name) => `tests/${name}`);

process.exit(
  node(['setup.mjs']) ||
    node(['--test', '--test-concurrency=1', '--test-force-exit', '--test-reporter=spec', ...given, ...files]),
);
