import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually, steadily } from '../lib/eventually.mjs';
import { RawClient } from '../lib/gateway.mjs';
import { SdkProcess } from '../lib/sdk-client.mjs';
import { Server } from '../lib/server.mjs';

const group = 'group_open_http_svc';
const accounts = 'im_open_login_svc';

/** A server, a process for SDK instances, and a community to look at. */
class Stage {
  static async set(options) {
    const self = new Stage();
    self.server = await Server.start(options);
    self.process = new SdkProcess();
    self.community = await self.server.createGroup('Community');
    return self;
  }

  /** A user who is a member of the community, imported and logged in. */
  async member(userID) {
    await this.server.importAccounts([userID]);
    await this.server.addMembers(this.community, [userID]);
    return this.enter(userID);
  }

  /** A client that is logged in and knows its groups. */
  async enter(userID) {
    const client = await this.process.client(this.server, userID);
    await client.enter();
    return client;
  }

  /** Logs a client out and in again, with which the SDK loads its groups. */
  async reload(client) {
    await client.call('logout');
    await client.enter();
  }

  count(groupID = this.community) {
    return this.server.count(groupID);
  }

  async strike() {
    await this.process?.kill();
    await this.server?.dispose();
  }
}

/** The ids of the groups that an SDK lists. */
async function listed(client) {
  const { data } = await client.call('getGroupList');
  return data.groupList.map((one) => one.groupID).sort();
}

// The restarts wait for the SDK's own timer, a minute; the rest happens meanwhile.
describe('life cycle', { concurrency: true }, () => {
  describe('restarts of the server', { concurrency: true }, () => {
    for (const [name, end, code] of [
      ['SIGTERM', 'stop', 0],
      ['SIGKILL', 'kill', null],
    ]) {
      test(`after ${name} the SDK comes back by itself`, async (t) => {
        const stage = await Stage.set();
        t.after(() => stage.strike());
        const { server, community } = stage;
        const clients = await Promise.all(['alice', 'bob'].map((userID) => stage.member(userID)));
        const [alice] = clients;
        const left = await server.createGroup('Community');
        await server.addMembers(left, ['alice']);
        await stage.reload(alice);
        const gained = await server.createGroup('Community');
        assert.deepEqual(await listed(alice), [community, left].sort());
        // The SDK tries again at once only when the lost socket was older than a second.
        await steadily(async () => (await stage.count()) === 2, { forMs: 1_500 });

        const logins = new Map(clients.map((client) => [client, client.seen('SDK_READY')]));
        const ended = await server[end]();
        assert.equal(ended.code, code, server.log);
        await server.up();
        // Membership moves while the clients are away.
        await server.ok(group, 'delete_group_member', { GroupId: left, MemberToDel_Account: ['alice'] });
        await server.addMembers(gained, ['alice']);

        // Two tries at once, then one every 60 s.
        await eventually(async () => (await stage.count()) === 2, {
          withinMs: 70_000,
          everyMs: 100,
          what: 'both clients counted again',
        });
        assert.equal(await stage.count(gained), 1);
        assert.equal(await stage.count(left), 0);
        for (const client of clients) {
          assert.equal(client.seen('SDK_READY'), logins.get(client), 'nobody called login() again');
          assert.equal(client.seen('KICKED_OUT'), 0);
          await client.event('NET_STATE_CHANGE', { where: ({ state }) => state === 'connected' });
          assert.equal((await client.call('getMyProfile')).data.userID, client.userID);
        }
        await stage.reload(alice);
        assert.deepEqual(await listed(alice), [community, gained].sort());
        const { code: audited, stdout, stderr } = await server.audit();
        assert.equal(audited, 0, stdout + stderr);
      });
    }
  });

  describe('the life of a login', { concurrency: false }, () => {
    let stage;
    let server;

    before(async () => {
      stage = await Stage.set({
        config: '[heartbeat]\nweb_timeout_s = 12\n',
        appArgs: ['--admin', 'administrator', '--admin', 'deputy'],
      });
      ({ server } = stage);
    });

    after(() => stage?.strike());

    test('heartbeats keep a client counted past the timeout, and never one that logged out', async () => {
      const kept = await stage.member('kept');
      const out = await stage.member('out');
      assert.equal(await stage.count(), 2);
      await out.call('logout');
      assert.equal(await stage.count(), 1);
      await steadily(async () => (await stage.count()) === 1, { forMs: 14_000, what: 'one online' });
      assert.deepEqual(await server.statuses(['kept', 'out']), { kept: 'Online', out: 'Offline' });
      assert.equal(kept.seen('NET_STATE_CHANGE'), 0, 'its connection never broke');

      const from = out.events.length;
      await out.login();
      assert.equal(await stage.count(), 2);
      await out.event('SDK_READY', { from });
      await out.event('GROUP_LIST_UPDATED', { from });
      assert.deepEqual(await listed(out), [stage.community]);
      await out.call('logout');
      await kept.call('logout');
      assert.equal(await stage.count(), 0);
    });

    test('a second login forces the older one off', async () => {
      const older = await stage.member('twice');
      const newer = await stage.enter('twice');
      const { data } = await older.event('KICKED_OUT');
      assert.equal(data.type, 'multipleAccount');
      await older.event('SDK_NOT_READY');
      // The late logout of the older instance must not take the newer one with it.
      await steadily(async () => (await stage.count()) === 1, { forMs: 1_500, what: 'one online' });
      assert.equal(newer.seen('KICKED_OUT'), 0);
      assert.equal((await newer.call('getMyProfile')).data.userID, 'twice');
      await newer.call('logout');
      assert.equal(await stage.count(), 0);
    });

    test('a kick by REST ends the login and every UserSig issued before it', async () => {
      const client = await stage.member('kicked');
      const old = server.sign('kicked');
      assert.equal(await stage.count(), 1);
      await server.ok(accounts, 'kick', { UserID: 'kicked' });
      assert.equal(await stage.count(), 0);
      assert.equal((await client.event('KICKED_OUT')).data.type, 'REST_API_Kick');
      await client.event('SDK_NOT_READY');

      const raw = await RawClient.open(server);
      assert.equal((await raw.tryLogin('kicked', old)).ErrorCode, 70001);
      assert.equal(await stage.count(), 0);
      assert.equal((await raw.tryLogin('kicked', server.sign('kicked'))).ErrorCode, 0);
      assert.equal(await stage.count(), 1);
      await raw.close();
      await eventually(async () => (await stage.count()) === 0, { withinMs: 1_000 });

      await assert.rejects(client.login(old), { code: 70001 });
      assert.equal(await stage.count(), 0);
      await client.login();
      assert.equal(await stage.count(), 1);
      await client.call('logout');
    });

    test('a kick of an admin ends its UserSigs at the REST door', async () => {
      const old = server.sign('deputy');
      const groupCount = (options) =>
        server.call('million_group_open_http_svc', 'get_online_member_num', { GroupId: stage.community }, options);
      assert.equal((await groupCount({ identifier: 'deputy', usersig: old })).ErrorCode, 0);
      await server.importAccounts(['deputy']);
      await server.ok(accounts, 'kick', { UserID: 'deputy' });
      assert.equal((await groupCount({ identifier: 'deputy', usersig: old })).ErrorCode, 70001);
      assert.equal((await groupCount({ identifier: 'deputy', usersig: server.sign('deputy') })).ErrorCode, 0);
    });

    test('the A2 of a kicked login is worth nothing any more', async () => {
      await server.importAccounts(['stale']);
      await server.addMembers(stage.community, ['stale']);
      const raw = await RawClient.open(server);
      await raw.login('stale');
      const { session } = raw;
      await server.ok(accounts, 'kick', { UserID: 'stale' });
      const again = await RawClient.open(server);
      again.session = session;
      const answer = await again.request('im_open_status.wslogin', { State: 'Online' });
      assert.equal(answer.ErrorCode, 70001);
      assert.equal(await stage.count(), 0);
      await again.close();
    });

    test('a deleted account is offline and no member any more', async () => {
      const client = await stage.member('deleted');
      assert.equal(await stage.count(), 1);
      const { ResultItem } = await server.ok(accounts, 'account_delete', { DeleteItem: [{ UserID: 'deleted' }] });
      assert.equal(ResultItem[0].ResultCode, 0);
      assert.equal(await stage.count(), 0);
      assert.equal((await server.roles(stage.community, ['deleted'])).deleted, 'NotMember');
      await client.event('KICKED_OUT');
      const { ResultItem: checked } = await server.ok(accounts, 'account_check', {
        CheckItem: [{ UserID: 'deleted' }],
      });
      assert.equal(checked[0].AccountStatus, 'NotImported');
    });

    test('joining, leaving and dissolving while online move the number at once', async () => {
      const client = await stage.enter('mover');
      const own = await server.createGroup('Community');
      assert.equal(await stage.count(own), 0);
      assert.equal((await client.call('joinGroup', { groupID: own })).data.status, 'JoinedSuccess');
      assert.equal(await stage.count(own), 1);
      assert.deepEqual(await listed(client), [own]);
      await client.call('quitGroup', own);
      assert.equal(await stage.count(own), 0);
      assert.deepEqual(await listed(client), []);

      const made = await server.createGroup('Community');
      await server.addMembers(made, ['mover']);
      assert.equal(await stage.count(made), 1);
      await server.ok(group, 'delete_group_member', { GroupId: made, MemberToDel_Account: ['mover'] });
      assert.equal(await stage.count(made), 0);
      await server.addMembers(made, ['mover']);
      assert.equal(await stage.count(made), 1);
      await stage.reload(client);
      assert.deepEqual(await listed(client), [made]);
      await server.ok(group, 'destroy_group', { GroupId: made });
      const gone = await server.call('million_group_open_http_svc', 'get_online_member_num', { GroupId: made });
      assert.equal(gone.ErrorCode, 10010);
      await stage.reload(client);
      assert.deepEqual(await listed(client), []);
      assert.deepEqual(client.faults, []);
      await client.call('destroy');
    });

    test('what others do to a membership reaches the group list of a client that is online', async () => {
      const client = await stage.enter('mover');
      const inList = (groupID, wanted) =>
        eventually(async () => (await listed(client)).includes(groupID) === wanted, {
          withinMs: 5_000,
          what: `${groupID} ${wanted ? 'in' : 'gone from'} the list`,
        });
      const made = await server.createGroup('Community');
      await server.addMembers(made, ['mover']);
      await inList(made, true);
      await server.ok(group, 'delete_group_member', { GroupId: made, MemberToDel_Account: ['mover'] });
      await inList(made, false);
      const born = await server.createGroup('Work', { MemberList: [{ Member_Account: 'mover' }] });
      await inList(born, true);
      await server.ok(group, 'destroy_group', { GroupId: born });
      await inList(born, false);
      assert.deepEqual(client.faults, []);
      await client.call('destroy');
    });

    test('a recount from first principles gives the same numbers', async () => {
      const { code, stdout, stderr } = await server.audit();
      assert.equal(code, 0, stdout + stderr);
    });
  });
});
