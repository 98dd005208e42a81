import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { eventually, steadily } from '../lib/eventually.mjs';
import { frame, FrameReader, opcodes, upgrade } from '../lib/frames.mjs';
import { RawClient } from '../lib/gateway.mjs';
import { SdkProcess } from '../lib/sdk-client.mjs';
import { Server } from '../lib/server.mjs';
import { Socket } from '../lib/socket.mjs';

const service = 'million_group_open_http_svc';
const command = 'get_online_member_num';
/** How soon bad input is answered or its connection closed. */
const ANSWERED_MS = 3_000;
/** How soon a client that dribbles is answered or its connection closed. */
const PATIENCE_MS = 15_000;
/** How much memory the whole of it may cost. */
const GROWTH_BYTES = 64 << 20;
const HALF_OPEN = 2_000;

describe('bad input', () => {
  let server;
  let process;
  let client;
  let community;
  let memoryBefore;

  const open = () => Socket.open(server.port);

  /** A request as bytes, with a right query unless told otherwise. */
  function http(body, { headers = '', length = Buffer.byteLength(body), path = server.path(service, command) } = {}) {
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n${headers}\r\n`;
    return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body)]);
  }

  /** A message as the SDK frames it. */
  const message = (servcmd, body = {}, head = {}) =>
    Buffer.from(
      JSON.stringify({ head: { ver: 'v4', platform: 7, sdkappid: server.app.id, servcmd, seq: 1, ...head }, body }),
    );

  const logIn = (user) =>
    message('im_open_status.wslogin', { State: 'Online' }, { identifier: user, usersig: server.sign(user) });

  async function residentBytes() {
    const status = await readFile(`/proc/${server.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)[1]) * 1024;
  }

  /** The server is well: it answers another client, with the right number. */
  async function unharmed() {
    assert.equal(await server.count(community), 1);
  }

  /** Sends bytes to the REST door; there comes an answer or the end, and nobody else suffers. */
  async function rest(name, bytes) {
    const socket = await open();
    socket.send(bytes);
    await socket.until(() => socket.received.length > 0, { withinMs: ANSWERED_MS, what: `an answer to ${name}` });
    socket.end();
    await unharmed();
    return socket.text;
  }

  /** As `rest`, and the answer is the server's JSON. */
  async function answer(name, bytes) {
    const text = await rest(name, bytes);
    const json = /\r\n\r\n(\{.*\})/s.exec(text)?.[1];
    assert.ok(json, `${name}: ${text}`);
    return JSON.parse(json);
  }

  /** A WebSocket by hand. */
  async function webSocket(options) {
    const socket = await open();
    socket.send(upgrade({ path: `/binfo?sdkappid=${server.app.id}&platform=7`, ...options }));
    await socket.until(() => socket.text.includes('\r\n\r\n'), { withinMs: ANSWERED_MS, what: 'the upgrade' });
    assert.match(socket.text, /^HTTP\/1\.1 101 /);
    return socket;
  }

  /** The frames that came back. */
  const frames = (socket) => new FrameReader({ afterHandshake: true }).read(socket.received);

  /** Sends bytes to the gateway; the connection goes on working or ends, and nobody else suffers. */
  async function gateway(name, bytes, { withinMs = ANSWERED_MS } = {}) {
    const socket = await webSocket();
    socket.send(bytes).send(frame(opcodes.ping, Buffer.from('still there?')));
    await socket.until(() => frames(socket).some(({ opcode }) => opcode === opcodes.pong || opcode === opcodes.close), {
      withinMs,
      what: `an answer after ${name}`,
    });
    const got = frames(socket);
    socket.end();
    await unharmed();
    return { closed: socket.closed || got.some(({ opcode }) => opcode === opcodes.close), frames: got };
  }

  before(async () => {
    server = await Server.start();
    process = new SdkProcess();
    community = await server.createGroup('Community');
    await server.importAccounts(['watcher']);
    await server.addMembers(community, ['watcher']);
    client = await process.client(server, 'watcher');
    await client.enter();
    // Whatever a server of this size keeps for good it has by now.
    for (let round = 0; round < 200; round++) {
      await unharmed();
    }
    memoryBefore = await residentBytes();
  });

  after(async () => {
    await process.kill();
    await server?.dispose();
  });

  test('REST: what is not HTTP', async () => {
    for (let round = 0; round < 20; round++) {
      await rest('random bytes', Buffer.concat([randomBytes(2_000), Buffer.from('\r\n\r\n')]));
    }
    const query = server.path(service, command);
    for (const [name, text] of [
      ['HTTP/0.9', 'GET /\r\n\r\n'],
      ['a version from the future', `POST ${query} HTTP/9.9\r\nHost: x\r\n\r\n`],
      ['no version', `POST ${query}\r\nHost: x\r\n\r\n`],
      ['a NUL in the path', 'POST /v4/\0 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'],
      ['a header without a colon', `POST ${query} HTTP/1.1\r\nHost x\r\n\r\n`],
      ['a header name with a space', `POST ${query} HTTP/1.1\r\nHo st: x\r\n\r\n`],
      ['a negative length', `POST ${query} HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n`],
      ['a length that is no number', `POST ${query} HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n`],
      ['a length beyond 64 bits', `POST ${query} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n`],
      ['two lengths', `POST ${query} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}`],
      [
        'a wrong chunk size',
        `POST ${query} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`,
      ],
      ['an unknown transfer coding', `POST ${query} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: lzma\r\n\r\n{}`],
      ['a path of 100 kB', `POST /v4/${'a'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}`],
      [
        'a query of 100 kB',
        `POST ${query}&more=${'a'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}`,
      ],
      ['a header of 1 MB', `POST ${query} HTTP/1.1\r\nHost: x\r\nMore: ${'a'.repeat(1 << 20)}\r\n\r\n`],
      ['10,000 headers', `POST ${query} HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(10_000)}\r\n`],
      ['bytes after a preface of HTTP/2', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'\0'.repeat(9)}garbage garbage garbage`],
      ['the start of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
      [
        'a broken escape in the query',
        'POST /v4/a/b?sdkappid=%zz&identifier=%c3%28 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}',
      ],
    ]) {
      await rest(name, Buffer.from(text, 'latin1'));
    }
  });

  test('REST: bodies that are no plain JSON', async () => {
    const good = JSON.stringify({ GroupId: community });
    const invalid = Buffer.concat([Buffer.from('{"GroupId":"'), Buffer.from([0xc3, 0x28, 0xff]), Buffer.from('"}')]);
    assert.equal((await answer('invalid UTF-8', http(invalid))).ErrorCode, 60003);
    const half = Buffer.from('{"GroupId":"\\ud800"}');
    assert.notEqual((await answer('half a surrogate pair', http(half))).ErrorCode, 0);
    const deep = `{"GroupId":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    assert.notEqual((await answer('JSON 100,000 deep', http(deep))).ErrorCode, 0);
    const deepUnused = `{"GroupId":"${community}","Other":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`;
    assert.equal(typeof (await answer('JSON 100,000 deep where nobody looks', http(deepUnused))).ErrorCode, 'number');
    const twice = `{"GroupId":"never","GroupId":"${community}"}`;
    const doubled = await answer('a key twice', http(twice));
    assert.ok(doubled.ErrorCode !== 0 || doubled.OnlineMemberNum === 1, JSON.stringify(doubled));
    assert.equal((await answer('a byte order mark', http(`\ufeff${good}`))).ErrorCode, 60003);
    assert.notEqual((await answer('a number beyond all numbers', http('{"GroupId":1e999999}'))).ErrorCode, 0);
    assert.notEqual((await answer('a megabyte of spaces', http(' '.repeat(1_000_000)))).ErrorCode, 0);
  });

  test('REST: wrong content types are no fault, and none is needed', async () => {
    const good = JSON.stringify({ GroupId: community });
    for (const type of ['text/plain', 'application/xml', 'multipart/form-data', '\x01', '']) {
      const bytes = http(good, { headers: `Content-Type: ${type}\r\n` });
      if (type === '\x01') {
        await rest('a content type that no header may have', bytes);
      } else {
        assert.equal((await answer(`the content type ${type}`, bytes)).OnlineMemberNum, 1);
      }
    }
    assert.equal((await answer('no content type', http(good))).OnlineMemberNum, 1);
  });

  test('REST: bodies of 10 MB', async () => {
    for (let round = 0; round < 5; round++) {
      const padding = 'x'.repeat(10 << 20);
      await rest('10 MB of JSON', http(JSON.stringify({ GroupId: community, padding })));
      await rest('10 MB of nothing', http(Buffer.alloc(10 << 20)));
    }
    const chunked = `POST ${server.path(service, command)} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(1 << 20, 0x20), Buffer.from('\r\n')]);
    await rest(
      '10 MB in chunks',
      Buffer.concat([Buffer.from(chunked), ...Array(10).fill(chunk), Buffer.from('0\r\n\r\n')]),
    );
  });

  test('REST: calls in a row on one connection are answered in a row, also before garbage', async () => {
    const good = http(JSON.stringify({ GroupId: community }));
    const bad = http(JSON.stringify({ GroupId: '' }));
    const socket = await open();
    socket.send(Buffer.concat([...Array(20).fill([good, bad]).flat(), Buffer.from('garbage\r\n\r\n')]));
    const codes = () => [...socket.text.matchAll(/"ErrorCode":(\d+)/g)].map(([, code]) => Number(code));
    await socket.until(() => codes().length >= 41, {
      withinMs: ANSWERED_MS,
      what: '40 answers and one to the garbage',
    });
    assert.deepEqual(codes().slice(0, 40), Array(20).fill([0, 10015]).flat());
    socket.end();
    await unharmed();
  });

  test('clients that dribble at either door are answered or cut off', async () => {
    const startedAt = performance.now();
    const body = JSON.stringify({ GroupId: community });
    const slowBody = await open();
    slowBody.send(http('', { length: body.length }));
    const unfinished = await webSocket();
    unfinished.send(frame(opcodes.binary, Buffer.alloc(10), { claimed: 1_000 }));
    const slowFrame = await webSocket();
    slowFrame.send(frame(opcodes.binary, Buffer.from('{'), { claimed: 120_000 }));
    const slowFragments = await webSocket();
    slowFragments.send(frame(opcodes.binary, Buffer.from('{'), { fin: false }));
    const sockets = { slowBody, unfinished, slowFrame, slowFragments };
    const slowHeaders = await open();
    slowHeaders.send(`POST ${server.path(service, command)} HTTP/1.1\r\n`);

    const over = (name) =>
      sockets[name].closed ||
      (name === 'slowBody'
        ? sockets[name].received.length > 0
        : frames(sockets[name]).some(({ opcode }) => opcode === opcodes.close));
    await eventually(
      () => {
        // One byte now and then: too slow to be of use, and never quite silent.
        slowBody.send('{');
        slowFrame.send(' ');
        slowFragments.send(frame(opcodes.continuation, Buffer.from(' '), { fin: false }));
        slowHeaders.send('a');
        const left = Object.keys(sockets).filter((name) => !over(name));
        if (left.length > 0) {
          throw new Error(`still open: ${left}`);
        }
        return true;
      },
      { withinMs: PATIENCE_MS, everyMs: 500, what: 'the end of every dribbling client' },
    );
    assert.ok(performance.now() - startedAt > 2_000, 'a client may be a little slow');
    await unharmed();
    Object.values(sockets).forEach((socket) => socket.end());
    slowHeaders.end();
  });

  test('gateway: requests that are no upgrade', async () => {
    const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
    for (const [name, text] of [
      ['a plain GET', 'GET /binfo HTTP/1.1\r\nHost: x\r\n\r\n'],
      [
        'an upgrade by POST',
        `POST /binfo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${key}\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n`,
      ],
      [
        'no key',
        'GET /binfo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n',
      ],
      [
        'a key that is none',
        'GET /binfo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n',
      ],
      [
        'an old version',
        `GET /binfo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${key}\r\nSec-WebSocket-Version: 8\r\n\r\n`,
      ],
      [
        'another protocol',
        `GET /binfo HTTP/1.1\r\nHost: x\r\nUpgrade: chess\r\nConnection: Upgrade\r\n${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      ],
      ['another path', upgrade({ path: '/elsewhere' })],
    ]) {
      const got = await rest(name, Buffer.from(text));
      if (name !== 'a key that is none') {
        assert.doesNotMatch(got, /^HTTP\/1\.1 101 /, name);
      }
    }
  });

  test('gateway: frames that break the protocol end the connection', async () => {
    for (const [name, bytes] of [
      ['an unmasked frame', frame(opcodes.binary, logIn('intruder'), { masked: false })],
      ['a reserved opcode', frame(3, Buffer.from('x'))],
      ['a reserved control opcode', frame(11, Buffer.from('x'))],
      ['a reserved bit', frame(opcodes.binary, logIn('intruder'), { rsv: 2 })],
      ['compression nobody agreed on', frame(opcodes.binary, logIn('intruder'), { rsv: 4 })],
      ['a ping in fragments', frame(opcodes.ping, Buffer.from('x'), { fin: false })],
      ['a ping of 126 bytes', frame(opcodes.ping, Buffer.alloc(126))],
      ['the middle of a message without its start', frame(opcodes.continuation, Buffer.from('{}'))],
      [
        'a second message inside a first',
        Buffer.concat([
          frame(opcodes.binary, Buffer.from('{'), { fin: false }),
          frame(opcodes.binary, Buffer.from('{}')),
        ]),
      ],
      ['a length of 1 TB', frame(opcodes.binary, Buffer.alloc(100), { claimed: 2 ** 40 })],
      [
        'a length beyond 63 bits',
        Buffer.concat([Buffer.from([0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Buffer.alloc(100)]),
      ],
      ['a message of 10 MB', frame(opcodes.binary, Buffer.alloc(10 << 20, 0x20))],
      [
        '10 MB in fragments',
        Buffer.concat([
          frame(opcodes.binary, Buffer.alloc(100_000, 0x20), { fin: false }),
          ...Array.from({ length: 100 }, () =>
            frame(opcodes.continuation, Buffer.alloc(100_000, 0x20), { fin: false }),
          ),
        ]),
      ],
    ]) {
      const { closed } = await gateway(name, bytes);
      assert.ok(closed, `${name} did not end the connection`);
    }
    assert.equal(
      (await server.call('im_open_login_svc', 'account_check', { CheckItem: [{ UserID: 'intruder' }] })).ResultItem[0]
        .AccountStatus,
      'NotImported',
      'none of these logged anybody in',
    );
  });

  test('gateway: messages that are no message harm nobody', async () => {
    for (let round = 0; round < 20; round++) {
      await gateway('random bytes after the upgrade', randomBytes(2_000), { withinMs: PATIENCE_MS });
      await gateway('random bytes in a frame', frame(opcodes.binary, randomBytes(2_000)));
    }
    const deep = `{"head":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
    for (const [name, payload] of [
      ['nothing', ''],
      ['no JSON', 'junk'],
      ['an empty object', '{}'],
      ['an array', '[]'],
      ['null', 'null'],
      ['a head that is no object', '{"head":7,"body":{}}'],
      ['no body', JSON.stringify({ head: { servcmd: 'heartbeat.alive', seq: 1 } })],
      ['no command', '{"head":{"seq":1},"body":{}}'],
      ['a command that is no text', '{"head":{"servcmd":[1],"seq":1},"body":{}}'],
      ['a command without a dot', '{"head":{"servcmd":"heartbeat","seq":1},"body":{}}'],
      ['a command of 100 kB', message('x'.repeat(100_000))],
      ['an unknown command', message('no_such_svc.no_such_command')],
      ['no number', '{"head":{"servcmd":"heartbeat.alive"},"body":{}}'],
      ['a number that is a text', message('heartbeat.alive', {}, { seq: 'x' })],
      ['a negative number', message('heartbeat.alive', {}, { seq: -1.5 })],
      ['an app that is a text', message('heartbeat.alive', {}, { sdkappid: 'x' })],
      [
        'an app that does not exist',
        message('im_open_status.wslogin', {}, { sdkappid: 1, identifier: 'a', usersig: 'b' }),
      ],
      ['another app than the connection', message('group_open_http_svc.get_joined_group_list', {}, { sdkappid: 1 })],
      ['a login without a name', message('im_open_status.wslogin', {}, { usersig: 'x' })],
      ['a login with a name that is a number', message('im_open_status.wslogin', {}, { identifier: 7, usersig: 'x' })],
      [
        'a made-up A2',
        message('im_open_status.wslogin', {}, { a2: 'AAAA', tinyid: '144115200000000001', status_instid: 1 }),
      ],
      ['a command before the login', message(`${service}.${command}`, { GroupId: community })],
      ['a key twice', '{"head":{"servcmd":"heartbeat.alive","servcmd":"im_open_status.wslogout","seq":1},"body":{}}'],
      ['a body twice', '{"head":{"servcmd":"heartbeat.alive","seq":1},"body":{},"body":[]}'],
      ['JSON 50,000 deep', deep],
      ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d])],
    ]) {
      const { frames: got } = await gateway(name, frame(opcodes.binary, Buffer.from(payload)));
      const text = got.map((one) => one.payload.toString('latin1')).join('');
      assert.doesNotMatch(text, /"OnlineMemberNum"|"A2Key"/, name);
    }
    await gateway('a text frame', frame(opcodes.text, logIn('texter')));
    await gateway('a text frame that is no text', frame(opcodes.text, Buffer.from([0xff, 0xfe])));
    await gateway('a close frame with half a code', frame(opcodes.close, Buffer.from([1])));
  });

  test('gateway: a login in fragments, with pings between them, in pieces of single bytes', async () => {
    const socket = await webSocket();
    const payload = logIn('piecemeal');
    const parts = [payload.subarray(0, 5), payload.subarray(5, 6), payload.subarray(6, 60), payload.subarray(60)];
    const stream = Buffer.concat(
      parts.flatMap((part, index) => [
        frame(index === 0 ? opcodes.binary : opcodes.continuation, part, { fin: index === parts.length - 1 }),
        frame(opcodes.ping, Buffer.from(`ping ${index}`)),
      ]),
    );
    socket.raw.setNoDelay(true);
    for (const byte of stream) {
      socket.send(Buffer.from([byte]));
    }
    const answers = () => frames(socket).filter(({ opcode }) => opcode === opcodes.binary);
    await socket.until(() => answers().length > 0, { withinMs: ANSWERED_MS, what: 'the answer to the login' });
    const { body } = JSON.parse(answers()[0].payload);
    assert.equal(body.ErrorCode, 0, JSON.stringify(body));
    const pongs = () => frames(socket).filter(({ opcode }) => opcode === opcodes.pong);
    await socket.until(() => pongs().length === parts.length, { withinMs: ANSWERED_MS, what: 'a pong for every ping' });
    assert.deepEqual(
      pongs().map((pong) => pong.payload.toString()),
      parts.map((_, index) => `ping ${index}`),
    );
    assert.equal((await server.statuses(['piecemeal'])).piecemeal, 'Online');
    socket.end();
    await eventually(async () => (await server.statuses(['piecemeal'])).piecemeal === 'Offline', { withinMs: 1_000 });
    await unharmed();
  });

  test('gateway: frames right behind the upgrade, in one packet', async () => {
    const socket = await open();
    const path = `/binfo?sdkappid=${server.app.id}&platform=7`;
    socket.send(Buffer.concat([Buffer.from(upgrade({ path })), frame(opcodes.binary, logIn('hasty'))]));
    await socket.until(() => frames(socket).length > 0, { withinMs: ANSWERED_MS, what: 'the login' });
    assert.equal(JSON.parse(frames(socket)[0].payload).body.ErrorCode, 0);
    socket.end();
  });

  test('gateway: a made-up or changed A2 logs nobody in', async () => {
    const owner = await RawClient.open(server);
    const { A2Key, TinyId, InstId } = await owner.login('victim');
    const forged = [];
    for (let at = 0; at < A2Key.length; at += Math.max(1, Math.floor(A2Key.length / 16))) {
      forged.push(A2Key.slice(0, at) + (A2Key[at] === 'A' ? 'B' : 'A') + A2Key.slice(at + 1));
    }
    forged.push('', A2Key.slice(1), A2Key.slice(0, -1), `${A2Key}A`, A2Key.toLowerCase());
    await owner.close();
    for (const a2 of forged.filter((text) => text !== A2Key)) {
      const thief = await RawClient.open(server);
      thief.session = { a2, tinyid: TinyId, status_instid: InstId };
      const { ErrorCode } = await thief.request('im_open_status.wslogin', { State: 'Online' });
      assert.notEqual(ErrorCode, 0, `the A2 ${a2} in place of ${A2Key}`);
      await thief.close();
    }
    assert.equal((await server.statuses(['victim'])).victim, 'Offline');
    const other = await RawClient.open(server);
    other.session = { a2: A2Key, tinyid: String(BigInt(TinyId) + 1n), status_instid: InstId };
    const { ErrorCode } = await other.request('im_open_status.wslogin', { State: 'Online' });
    assert.notEqual(ErrorCode, 0, "a right A2 with somebody else's number");
    await other.close();
  });

  test(`${HALF_OPEN} connections that never get anywhere`, async () => {
    const sockets = [];
    try {
      for (let batch = 0; batch < HALF_OPEN / 100; batch++) {
        sockets.push(...(await Promise.all(Array.from({ length: 100 }, open))));
        await unharmed();
      }
      for (const [index, socket] of sockets.entries()) {
        const request = upgrade({ path: `/binfo?sdkappid=${server.app.id}&platform=7` });
        // A quarter each: silent, half a request, a whole upgrade, and half a frame after it.
        socket.send(
          [
            '',
            request.slice(0, request.length / 2),
            request,
            Buffer.concat([Buffer.from(request), frame(opcodes.binary, Buffer.alloc(10), { claimed: 1_000 })]),
          ][index % 4],
        );
      }
      const upgraded = sockets.filter((_, index) => index % 4 >= 2);
      await eventually(() => upgraded.every((socket) => socket.closed || socket.text.startsWith('HTTP/1.1 101 ')), {
        withinMs: 10_000,
        what: 'an answer to every whole upgrade',
      });
      await unharmed();
      const late = await RawClient.open(server);
      await late.login('late');
      assert.deepEqual(await server.statuses(['late']), { late: 'Online' });
      await late.close();
    } finally {
      sockets.forEach((socket) => socket.end());
    }
    await unharmed();
  });

  test('all of this has taken nothing from the client that was there, nor much memory', async () => {
    await steadily(async () => (await server.count(community)) === 1, { forMs: 1_000 });
    assert.equal(client.seen('NET_STATE_CHANGE'), 0, 'its connection never broke');
    assert.equal(client.seen('KICKED_OUT'), 0);
    assert.deepEqual(client.faults, []);
    let growth;
    await eventually(async () => (growth = (await residentBytes()) - memoryBefore) < GROWTH_BYTES, {
      withinMs: 5_000,
      what: `less than ${GROWTH_BYTES} bytes more in memory`,
    });
    assert.ok(growth < GROWTH_BYTES);
    const { code, stdout, stderr } = await server.audit();
    assert.equal(code, 0, stdout + stderr);
  });
});
