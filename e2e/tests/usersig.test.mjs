import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import tlsSigApi from 'tls-sig-api-v2';
import { eventually } from '../lib/eventually.mjs';
import { RawClient } from '../lib/gateway.mjs';
import { SdkProcess } from '../lib/sdk-client.mjs';
import { createApp, headcount, Server } from '../lib/server.mjs';

/** The app that the table of malformed tickets is made for. */
const SDKAPPID = 1_400_000_001;
const KEY = '0123456789abcdef'.repeat(4);
/** A day. */
const EXPIRE_S = 86_400;

/** Has the Python library make UserSigs: plain ones and, with a userbuf, the other kind. */
function python(orders) {
  const program = `
import json, sys
from TLSSigAPIv2 import TLSSigAPIv2
api = TLSSigAPIv2(${SDKAPPID}, '${KEY}')
print(json.dumps([
    api.gen_sig(user, ${EXPIRE_S}) if userbuf is None else api.gen_sig_with_userbuf(user, ${EXPIRE_S}, userbuf.encode())
    for user, userbuf in json.load(sys.stdin)
]))`;
  const { status, stdout, stderr } = spawnSync('python3', ['-c', program], {
    input: JSON.stringify(orders),
    encoding: 'utf8',
    env: { ...process.env, PYTHONPATH: fileURLToPath(new URL('../.python', import.meta.url)) },
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

describe('UserSigs of the public libraries', () => {
  const library = new tlsSigApi.Api(SDKAPPID, KEY);
  /** Every way to sign there is, by name: user → UserSig. */
  const ways = {
    'npm, plain': (user) => library.genUserSig(user, EXPIRE_S),
    'npm, userbuf of a numbered room': (user) => library.genPrivateMapKey(user, EXPIRE_S, 10_000, 255),
    'npm, userbuf of a named room': (user) => library.genPrivateMapKeyWithStringRoomID(user, EXPIRE_S, 'room', 255),
    'npm, a userbuf of one byte': (user) => library.genSig(user, EXPIRE_S, Buffer.from([5])),
    'PyPI, plain': (user) => python([[user, null]])[0],
    'PyPI, userbuf': (user) => python([[user, 'abc']])[0],
  };
  let server;
  let process;

  before(async () => {
    server = await Server.start({ appArgs: ['--sdkappid', String(SDKAPPID), '--secret-key', KEY] });
    process = new SdkProcess();
  });

  after(async () => {
    await process.kill();
    await server?.dispose();
  });

  const check = (usersig, options = {}) =>
    server.call(
      'im_open_login_svc',
      'account_check',
      { CheckItem: [{ UserID: 'administrator' }] },
      { usersig, ...options },
    );

  test('app create keeps the id and the key it was given', () => {
    assert.equal(server.app.id, SDKAPPID);
    assert.equal(server.app.key, KEY);
    assert.deepEqual(server.app.admins, ['administrator']);
  });

  for (const [name, make] of Object.entries(ways)) {
    test(`${name}: accepted from the admin at the REST door`, async () => {
      assert.equal((await check(make('administrator'))).ErrorCode, 0);
    });

    test(`${name}: accepted from a user at the gateway`, async () => {
      const raw = await RawClient.open(server);
      const answer = await raw.login('alice', make('alice'));
      assert.equal(typeof answer.A2Key, 'string');
      assert.match(String(answer.TinyId), /^\d+$/);
      await raw.close();
    });
  }

  test('one with a userbuf logs the SDK in', async () => {
    const client = await process.client(server, 'bob');
    await client.login(library.genPrivateMapKey('bob', EXPIRE_S, 10_000, 255));
    await client.event('SDK_READY');
  });

  test('the command line makes one that both doors accept', async () => {
    for (const user of ['administrator', 'with space']) {
      const { code, stdout, stderr } = await headcount([
        'usersig',
        '--sdkappid',
        String(SDKAPPID),
        '--secret-key',
        KEY,
        '--user',
        user,
      ]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^[A-Za-z0-9*_-]+\n$/, 'the UserSig alone');
      if (user === 'administrator') {
        assert.equal((await check(stdout.trim())).ErrorCode, 0);
      }
      const raw = await RawClient.open(server);
      await raw.login(user, stdout.trim());
      await raw.close();
    }
  });

  test('raw and percent-encoded in the URL', async () => {
    const usersig = library.genUserSig('administrator', EXPIRE_S);
    for (const text of [usersig, usersig.replaceAll('*', '%2A').replaceAll('-', '%2d').replaceAll('_', '%5F')]) {
      const path = server.path('im_open_login_svc', 'account_check', { query: { usersig: undefined } });
      const answer = await fetch(`${server.origin}${path}&usersig=${text}`, {
        method: 'POST',
        body: '{"CheckItem":[{"UserID":"administrator"}]}',
      });
      assert.equal((await answer.json()).ErrorCode, 0, text);
    }
  });

  test('what is wrong with a refused one is told by its code, at both doors', async () => {
    const other = await createApp(server.dataDir, []);
    const otherKey = new tlsSigApi.Api(SDKAPPID, other.key);
    const otherApp = new tlsSigApi.Api(other.id, KEY);
    const expired = library.genUserSig('administrator', 1);
    await eventually(async () => (await check(expired)).ErrorCode === 70001, {
      withinMs: 4_000,
      what: 'the expiry of a UserSig for one second',
    });
    const cases = [
      ['', 70002],
      ['not a ticket', 70003],
      [expired, 70001],
      [otherKey.genUserSig('administrator', EXPIRE_S), 70009],
      [library.genUserSig('somebody', EXPIRE_S), 70013],
      [otherApp.genUserSig('administrator', EXPIRE_S), 70014],
    ];
    for (const [usersig, code] of cases) {
      const answer = await check(usersig);
      assert.equal(answer.ErrorCode, code, usersig);
      assert.equal(answer.ActionStatus, 'FAIL');
      assert.notEqual(answer.ErrorInfo, '');
      const raw = await RawClient.open(server);
      assert.equal((await raw.tryLogin('administrator', usersig)).ErrorCode, code, usersig);
      await raw.close();
    }
    const client = await process.client(server, 'carol');
    await assert.rejects(client.login(otherKey.genUserSig('carol', EXPIRE_S)), { code: 70009 });
    await client.login();
  });
});

describe('the table of malformed UserSigs', () => {
  const codes = {
    empty: 70002,
    malformed: 70003,
    expired: 70001,
    bad_signature: 70009,
    user_mismatch: 70013,
    app_mismatch: 70014,
  };
  const rows = JSON.parse(readFileSync(new URL('../../crates/usersig/tests/malformed.json', import.meta.url), 'utf8'));
  let server;

  before(async () => {
    server = await Server.start({ appArgs: ['--sdkappid', String(SDKAPPID), '--secret-key', KEY] });
  });

  after(() => server?.dispose());

  test('has rows of every kind', () => {
    assert.deepEqual([...new Set(rows.map((row) => row.expect))].sort(), Object.keys(codes).sort());
    assert.equal(new Set(rows.map((row) => row.name)).size, rows.length);
  });

  for (const { name, usersig, expect } of rows) {
    test(`${name}: ${expect}`, async () => {
      const answer = await server.call('im_open_login_svc', 'account_check', { CheckItem: [] }, { usersig });
      assert.equal(answer.ErrorCode, codes[expect], JSON.stringify(answer));
      assert.equal(answer.ActionStatus, 'FAIL');
      assert.notEqual(answer.ErrorInfo, '');
    });
  }
});
