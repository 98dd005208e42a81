import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../lib/eventually.mjs';
import { RawClient } from '../lib/gateway.mjs';
import { createApp, request, Server, sign } from '../lib/server.mjs';

const service = 'million_group_open_http_svc';
const command = 'get_online_member_num';

describe('the answers to get_online_member_num', () => {
  let server;
  let other;
  let community;
  const devices = [];

  /** One call; the answer as bytes and as JSON. */
  async function ask(body, options = {}) {
    const { status, headers, text } = await server.rest(
      options.service ?? service,
      options.command ?? command,
      body,
      options,
    );
    assert.equal(status, 200, 'the HTTP status is always 200');
    assert.match(headers['content-type'], /^application\/json/);
    return { text, answer: JSON.parse(text) };
  }

  /** A call that must fail with `code` and an explanation, and tell no number. */
  async function refused(code, body, options) {
    const { text, answer } = await ask(body, options);
    assert.equal(answer.ErrorCode, code, text);
    assert.equal(answer.ActionStatus, 'FAIL', text);
    assert.equal(typeof answer.ErrorInfo, 'string', text);
    assert.notEqual(answer.ErrorInfo, '', text);
    assert.deepEqual(Object.keys(answer).sort(), ['ActionStatus', 'ErrorCode', 'ErrorInfo'], text);
    return answer;
  }

  const exact = (number) => `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"OnlineMemberNum":${number}}`;

  before(async () => {
    server = await Server.start();
    other = await createApp(server.dataDir);
    await eventually(
      async () => (await server.call('openim', 'query_online_status', {}, { app: other })).ErrorCode !== 70020,
      { withinMs: 1_000, what: 'the second app at the running server' },
    );
    community = await server.createGroup('Community');
    const users = ['u1', 'u2', 'u3'];
    await server.importAccounts([...users, 'offline', 'stranger']);
    await server.addMembers(community, [...users, 'offline']);
    for (const user of [...users, 'stranger']) {
      const device = await RawClient.open(server);
      await device.login(user);
      devices.push(device);
    }
  });

  after(async () => {
    devices.forEach((device) => device.socket.terminate());
    await server?.dispose();
  });

  test('a community: exactly these bytes', async () => {
    assert.equal((await ask({ GroupId: community })).text, exact(3));
    const empty = await server.createGroup('Community');
    assert.equal((await ask({ GroupId: empty })).text, exact(0));
  });

  test('a community with an id of its own, and one with topics', async () => {
    const custom = await server.createGroup('Community', { GroupId: '@TGS#_fans of go-karts' });
    assert.equal(custom, '@TGS#_fans of go-karts');
    await server.addMembers(custom, ['u1']);
    assert.equal((await ask({ GroupId: custom })).text, exact(1));
    const topics = await server.createGroup('Community', { SupportTopic: 1 });
    await server.addMembers(topics, ['u1', 'u2', 'offline']);
    assert.equal((await ask({ GroupId: topics })).text, exact(2));
  });

  test('fields that the command does not know change nothing', async () => {
    assert.equal((await ask({ GroupId: community, Unknown: [1, { a: null }] })).text, exact(3));
  });

  for (const type of ['Private', 'Work', 'Public', 'ChatRoom', 'Meeting', 'AVChatRoom']) {
    test(`a group of type ${type}: 10007`, async () => {
      await refused(10007, { GroupId: await server.createGroup(type) });
    });
  }

  test('a dissolved community: 10010', async () => {
    const gone = await server.createGroup('Community');
    await server.ok('group_open_http_svc', 'destroy_group', { GroupId: gone });
    await refused(10010, { GroupId: gone });
  });

  test('a well-formed id that was never given out: 10010', async () => {
    await refused(10010, { GroupId: '@TGS#_@TGS#cNEVERNEVER00' });
    await refused(10010, { GroupId: '@TGS#_never' });
    await refused(10010, { GroupId: 'never' });
    await refused(10010, { GroupId: 'x'.repeat(48) });
  });

  test('an id that no group can have: 10015', async () => {
    const longest = `@TGS#_${'x'.repeat(42)}`;
    await refused(10010, { GroupId: longest });
    for (const GroupId of [
      '',
      `${longest}x`,
      'x'.repeat(10_000),
      'a\nb',
      'a\u0000b',
      '\u007f',
      'ünïcode',
      `${community}@TOPIC#_@TOPIC#cABC`,
      `${community}@TOPIC#_general`,
    ]) {
      await refused(10015, { GroupId });
    }
  });

  test('no id, or one that is not a text: 10004', async () => {
    for (const body of [
      {},
      { GroupId: null },
      { GroupId: 7 },
      { GroupId: true },
      { GroupId: [community] },
      { GroupId: { GroupId: community } },
      { groupid: community },
      { GroupID: community },
    ]) {
      await refused(10004, body);
    }
  });

  test('a body that is JSON but no object: 10004', async () => {
    for (const body of ['[]', 'null', '7', `"${community}"`, `[{"GroupId":"${community}"}]`, 'true']) {
      await refused(10004, body);
    }
  });

  test('a body that is not JSON: 60003', async () => {
    const body = JSON.stringify({ GroupId: community });
    for (const broken of [
      '',
      ' ',
      'GroupId=x',
      body.slice(0, -1),
      `${body}}`,
      `${body}${body}`,
      "{'GroupId':'x'}",
      '{"GroupId":"x",}',
      '{"a":01}',
      '\u0000',
    ]) {
      await refused(60003, broken);
    }
    await refused(60003, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]));
  });

  test('an unknown command of a known service: 10003', async () => {
    for (const unknown of ['get_online_member_number', 'GET_ONLINE_MEMBER_NUM', 'get_online_member_num2']) {
      await refused(10003, { GroupId: community }, { command: unknown });
    }
    await refused(10003, {}, { service: 'group_open_http_svc', command: 'no_such_command' });
  });

  test('an unknown service, or another path: 60009', async () => {
    await refused(60009, { GroupId: community }, { service: 'no_such_svc' });
    const query = server.path(service, command).split('?')[1];
    for (const path of [
      '/',
      '/v4',
      `/v4/${service}`,
      `/v4/${service}/${command}/more`,
      `/v5/${service}/${command}`,
      `/V4/${service}/${command}`,
      `//v4/${service}/${command}`,
    ]) {
      const { status, text } = await request(`${server.origin}${path}?${query}`, {
        body: '{}',
        agent: server.agent,
      });
      assert.equal(status, 200);
      assert.equal(JSON.parse(text).ErrorCode, 60009, `${path}: ${text}`);
    }
  });

  test('a valid UserSig of somebody who is no admin: 60010', async () => {
    for (const identifier of ['u1', 'stranger', 'nobody-yet', 'Administrator']) {
      await refused(60010, { GroupId: community }, { identifier });
    }
  });

  test('faults of the query', async () => {
    const body = { GroupId: community };
    const fault = (code, query, options = {}) => refused(code, body, { ...options, query });
    await fault(60012, { sdkappid: undefined });
    for (const sdkappid of ['abc', '1e9', '-1', '1.5', ' 1', '99999999999999999999999']) {
      await fault(60025, { sdkappid });
    }
    await fault(60025, { identifier: undefined });
    for (const contenttype of ['', 'xml', 'JSON', 'text']) {
      await fault(60025, { contenttype });
    }
    await fault(70002, { usersig: '' });
    await fault(70020, { sdkappid: 1_499_999_999 });
  });

  test('the order of the parameters and their random number do not matter', async () => {
    const [path, query] = server.path(service, command).split('?');
    const turned = query.split('&').reverse().join('&');
    const { text } = await request(`${server.origin}${path}?${turned}`, {
      body: JSON.stringify({ GroupId: community }),
      agent: server.agent,
    });
    assert.equal(text, exact(3));
    for (const random of [undefined, '', 0, 4_294_967_295, 'x']) {
      assert.equal((await ask({ GroupId: community }, { query: { random } })).answer.ErrorCode, 0);
    }
  });

  test('what is not a POST: 60002', async () => {
    const url = server.origin + server.path(service, command);
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const { status, text } = await request(url, { method, agent: server.agent });
      assert.equal(status, 200, method);
      assert.equal(JSON.parse(text).ErrorCode, 60002, method);
    }
    const { status, text } = await request(`${server.origin}/`, { method: 'GET', agent: server.agent });
    assert.equal(status, 200);
    const { ActionStatus, ErrorCode, ErrorInfo } = JSON.parse(text);
    assert.deepEqual([ActionStatus, ErrorCode, ErrorInfo], ['FAIL', 60002, 'HTTP parse Error']);
  });

  test('two apps cannot see each other', async () => {
    await refused(10010, { GroupId: community }, { app: other });
    const theirs = await server.createGroup('Community', { GroupId: '@TGS#_shared name' }, { app: other });
    await refused(10010, { GroupId: theirs });
    const ours = await server.createGroup('Community', { GroupId: '@TGS#_shared name' });
    await server.addMembers(ours, ['u1', 'u2']);
    assert.equal((await ask({ GroupId: ours })).text, exact(2));
    assert.equal((await ask({ GroupId: theirs }, { app: other })).text, exact(0));

    // The key of one app opens nothing of the other.
    await refused(70014, { GroupId: ours }, { usersig: sign(other, 'administrator') });
    await refused(70009, { GroupId: ours }, { usersig: sign({ id: server.app.id, key: other.key }, 'administrator') });

    const check = { CheckItem: [{ UserID: 'u1' }] };
    const { ResultItem } = await server.ok('im_open_login_svc', 'account_check', check, { app: other });
    assert.equal(ResultItem[0].AccountStatus, 'NotImported');
    const status = await server.call('openim', 'query_online_status', { To_Account: ['u1'] }, { app: other });
    assert.deepEqual(status.QueryResult ?? [], []);
    const info = await server.ok('group_open_http_svc', 'get_group_info', { GroupIdList: [community] }, { app: other });
    assert.equal(info.GroupInfo[0].ErrorCode, 10010);
    const mine = { Member_Account: 'u1' };
    const list = await server.call('group_open_http_svc', 'get_joined_group_list', mine, { app: other });
    assert.deepEqual(list.GroupIdList ?? [], []);
    const gone = await server.call('group_open_http_svc', 'destroy_group', { GroupId: community }, { app: other });
    assert.equal(gone.ErrorCode, 10010);
    const [device] = devices;
    const hidden = await server.createGroup('Community', {}, { app: other });
    const asked = await device.request(`${service}.${command}`, { GroupId: hidden });
    assert.equal(asked.ErrorCode, 10010);
    assert.equal(asked.OnlineMemberNum, undefined);
    assert.equal((await ask({ GroupId: community })).text, exact(3));
  });

  test('a mere user gets a number at the gateway only where it is a member, and no admin command', async () => {
    const [member] = devices;
    const stranger = devices.at(-1);
    assert.equal((await member.request(`${service}.${command}`, { GroupId: community })).OnlineMemberNum, 3);
    const answer = await stranger.request(`${service}.${command}`, { GroupId: community });
    assert.equal(answer.ErrorCode, 10007);
    assert.equal(answer.OnlineMemberNum, undefined);
    for (const [name, body] of [
      ['im_open_login_svc.account_import', { UserID: 'made' }],
      ['im_open_login_svc.kick', { UserID: 'u1' }],
      ['im_open_login_svc.account_delete', { DeleteItem: [{ UserID: 'u1' }] }],
      ['group_open_http_svc.get_appid_group_list', {}],
      ['group_open_http_svc.get_joined_group_list', { Member_Account: 'u1' }],
    ]) {
      const { ErrorCode, GroupIdList } = await stranger.request(name, body);
      assert.notEqual(ErrorCode, 0, name);
      assert.equal(GroupIdList, undefined, name);
    }
    assert.equal(await server.count(community), 3);
  });

  test('accounts given as numbers: 60015', async () => {
    for (const [svc, name, body] of [
      ['im_open_login_svc', 'account_import', { UserID: 7 }],
      ['im_open_login_svc', 'multiaccount_import', { Accounts: [7] }],
      ['im_open_login_svc', 'account_check', { CheckItem: [{ UserID: 7 }] }],
      ['im_open_login_svc', 'account_delete', { DeleteItem: [{ UserID: 7 }] }],
      ['im_open_login_svc', 'kick', { UserID: 7 }],
      ['group_open_http_svc', 'add_group_member', { GroupId: community, MemberList: [{ Member_Account: 7 }] }],
      ['group_open_http_svc', 'delete_group_member', { GroupId: community, MemberToDel_Account: [7] }],
    ]) {
      const answer = await refused(60015, body, { service: svc, command: name });
      assert.equal(answer.ErrorInfo, 'body account invalid', name);
    }
  });
});
