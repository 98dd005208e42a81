import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually, steadily } from '../lib/eventually.mjs';
import { Proxy } from '../lib/proxy.mjs';
import { SdkProcess } from '../lib/sdk-client.mjs';
import { Server } from '../lib/server.mjs';

const group = 'group_open_http_svc';
/** The types as the SDK names them, which is how they stand on the wire. */
const TYPES = ['Private', 'Public', 'ChatRoom', 'AVChatRoom', 'Community'];

describe('the calls of the client SDK', () => {
  const clients = [];
  let process;
  let server;
  let alice;
  let bob;
  let carol;

  async function client(userID, options) {
    const made = await process.client(server, userID, options);
    clients.push(made);
    return made;
  }

  async function enter(userID, options) {
    const made = await client(userID, options);
    await made.enter();
    return made;
  }

  /** Logs out and in again, with which the SDK loads its groups. */
  async function reload(sdk) {
    await sdk.call('logout');
    await sdk.enter();
  }

  /** A group as REST tells it. */
  async function profile(groupID) {
    const { GroupInfo } = await server.ok(group, 'get_group_info', { GroupIdList: [groupID] });
    assert.equal(GroupInfo.length, 1);
    return GroupInfo[0];
  }

  /** The ids of a user's groups as REST tells them. */
  async function joined(userID, fields = {}) {
    const body = { Member_Account: userID, ...fields };
    const { GroupIdList, TotalCount } = await server.ok(group, 'get_joined_group_list', body);
    assert.equal(TotalCount, GroupIdList.length);
    return GroupIdList.map((row) => row.GroupId).sort();
  }

  /** The ids of the groups that the SDK lists. */
  async function listed(sdk, method = 'getGroupList') {
    const { data } = await sdk.call(method);
    return data.groupList.map((one) => one.groupID).sort();
  }

  before(async () => {
    server = await Server.start();
    process = new SdkProcess();
    [alice, bob, carol] = await Promise.all(['alice', 'bob', 'carol'].map((userID) => enter(userID)));
  });

  after(async () => {
    await process.kill();
    await server?.dispose();
  });

  test('SDK_READY fires once and the profile is the own one', async () => {
    for (const sdk of [alice, bob, carol]) {
      assert.equal(sdk.seen('SDK_READY'), 1);
      assert.equal((await sdk.call('getMyProfile')).data.userID, sdk.userID);
    }
    const { ResultItem } = await server.ok('im_open_login_svc', 'account_check', { CheckItem: [{ UserID: 'alice' }] });
    assert.equal(ResultItem[0].AccountStatus, 'Imported', 'the first login makes the account');
  });

  for (const type of TYPES) {
    test(`createGroup and dismissGroup of type ${type}`, async () => {
      const { data } = await alice.patiently('createGroup', { type, name: `alice's ${type}`, introduction: 'why' });
      const { groupID } = data.group;
      assert.equal(data.group.type, type);
      assert.equal(data.group.name, `alice's ${type}`);
      assert.equal(data.group.ownerID, 'alice');
      const told = await profile(groupID);
      assert.equal(told.ErrorCode, 0);
      assert.equal(told.Type, type);
      assert.equal(told.Name, `alice's ${type}`);
      assert.equal(told.Introduction, 'why');
      assert.equal(told.Owner_Account, 'alice');
      if (type !== 'AVChatRoom') {
        assert.deepEqual(await server.roles(groupID, ['alice', 'bob']), { alice: 'Owner', bob: 'NotMember' });
        assert.equal(data.group.memberCount, 1);
        assert.ok((await listed(alice)).includes(groupID));
        assert.ok((await joined('alice')).includes(groupID));
        const { data: again } = await alice.patiently('getGroupProfile', { groupID });
        assert.equal(again.group.name, `alice's ${type}`);
        assert.equal(again.group.selfInfo.role, 'Owner');
      }
      if (type === 'Private') {
        // A Work group is dissolved by the app alone.
        await assert.rejects(alice.call('dismissGroup', groupID), { code: 10007 });
        await server.ok(group, 'destroy_group', { GroupId: groupID });
      } else {
        await alice.call('dismissGroup', groupID);
        assert.ok(!(await listed(alice)).includes(groupID));
      }
      assert.equal((await profile(groupID)).ErrorCode, 10010);
      assert.ok(!(await joined('alice')).includes(groupID));
    });
  }

  test('createGroup with an id and members of its own', async () => {
    const { data } = await alice.patiently('createGroup', {
      type: 'Public',
      name: 'named',
      groupID: 'named-group',
      memberList: [{ userID: 'bob' }],
      joinOption: 'FreeAccess',
    });
    assert.equal(data.group.groupID, 'named-group');
    assert.deepEqual(await server.roles('named-group', ['alice', 'bob']), { alice: 'Owner', bob: 'Member' });
    await reload(bob);
    assert.ok((await listed(bob)).includes('named-group'));
    await assert.rejects(carol.patiently('createGroup', { type: 'Public', name: 'x', groupID: 'named-group' }), {
      code: 10021,
    });
  });

  test('joinGroup, quitGroup and the group list, for each way to join', async () => {
    const open = await server.createGroup('Community', { Owner_Account: 'alice' });
    const meeting = await server.createGroup('Meeting', { Owner_Account: 'alice' });
    const asking = await server.createGroup('Public', { Owner_Account: 'alice', ApplyJoinOption: 'NeedPermission' });
    const closed = await server.createGroup('Public', { Owner_Account: 'alice', ApplyJoinOption: 'DisableApply' });

    for (const groupID of [open, meeting]) {
      const { data } = await carol.patiently('joinGroup', { groupID });
      assert.equal(data.status, 'JoinedSuccess');
      assert.equal(data.group.groupID, groupID);
      assert.equal((await server.roles(groupID, ['carol'])).carol, 'Member');
      assert.ok((await joined('carol')).includes(groupID));
      assert.ok((await listed(carol)).includes(groupID));
      assert.equal((await carol.patiently('joinGroup', { groupID })).data.status, 'AlreadyInGroup');
      assert.equal((await carol.call('quitGroup', groupID)).data.groupID, groupID);
      assert.equal((await server.roles(groupID, ['carol'])).carol, 'NotMember');
      assert.ok(!(await joined('carol')).includes(groupID));
      assert.ok(!(await listed(carol)).includes(groupID));
    }
    assert.equal((await carol.patiently('joinGroup', { groupID: asking })).data.status, 'WaitAdminApproval');
    assert.equal((await server.roles(asking, ['carol'])).carol, 'NotMember');
    await assert.rejects(carol.patiently('joinGroup', { groupID: closed }), { code: 10007 });
    assert.equal((await server.roles(closed, ['carol'])).carol, 'NotMember');
    await assert.rejects(carol.patiently('joinGroup', { groupID: 'never-made' }), { code: 10010 });
  });

  test('getGroupList and getJoinedCommunityList after a new login', async () => {
    const plain = await server.createGroup('Community', { MemberList: [{ Member_Account: 'bob' }] });
    const topics = await server.createGroup('Community', { SupportTopic: 1, MemberList: [{ Member_Account: 'bob' }] });
    const work = await server.createGroup('Work', { MemberList: [{ Member_Account: 'bob' }] });
    await reload(bob);
    const list = await listed(bob);
    assert.ok(list.includes(plain));
    assert.ok(list.includes(work));
    assert.ok(!list.includes(topics), 'a community with topics is listed by its own call');
    assert.deepEqual(await listed(bob, 'getJoinedCommunityList'), [topics]);
    assert.deepEqual(await joined('bob', { GroupType: 'Community', SupportTopic: 1 }), [topics]);
    const { data } = await bob.call('getJoinedCommunityList');
    assert.equal(data.groupList[0].isSupportTopic, true);
    assert.ok((await listed(bob)).includes(topics), 'once asked for, it is in the whole list as well');

    const { data: created } = await bob.patiently('createGroup', {
      type: 'Community',
      name: 'with topics',
      isSupportTopic: true,
    });
    assert.equal(created.group.isSupportTopic, true);
    assert.equal((await profile(created.group.groupID)).SupportTopic, 1);
    assert.deepEqual(await listed(bob, 'getJoinedCommunityList'), [topics, created.group.groupID].sort());
  });

  test('getGroupMemberList pages through a community and agrees with REST', async () => {
    const members = Array.from({ length: 249 }, (_, index) => `member-${String(index).padStart(3, '0')}`);
    await server.importAccounts(members);
    const community = await server.createGroup('Community', { Owner_Account: 'alice' });
    await server.addMembers(community, members);
    const reader = await enter('alice', {});

    const seen = [];
    let offset = '0';
    let pages = 0;
    do {
      const { data } = await reader.call('getGroupMemberList', { groupID: community, count: 100, offset });
      assert.ok(data.memberList.length <= 100);
      seen.push(...data.memberList);
      offset = data.offset;
      pages++;
      assert.ok(pages <= 4, 'the paging comes to an end');
    } while (offset !== '' && offset !== 0 && offset !== '0');
    assert.equal(pages, 3);
    assert.deepEqual(seen.map((member) => member.userID).sort(), ['alice', ...members].sort());

    const told = [];
    let next = '';
    do {
      const page = await server.ok(group, 'get_group_member_info', { GroupId: community, Limit: 100, Next: next });
      assert.equal(page.MemberNum, 250);
      told.push(...page.MemberList);
      next = page.Next;
    } while (next !== '');
    const role = (list, id, name) => Object.fromEntries(list.map((member) => [member[id], member[name]]));
    assert.deepEqual(role(seen, 'userID', 'role'), role(told, 'Member_Account', 'Role'));
    assert.deepEqual(role(seen, 'userID', 'joinTime'), role(told, 'Member_Account', 'JoinTime'));
    const online = seen.filter((member) => member.isOnline).map((member) => member.userID);
    assert.deepEqual(online, ['alice']);
    assert.equal((await profile(community)).MemberNum, 250);
  });

  test('getGroupMemberList pages through an ordinary group', async () => {
    const meeting = await server.createGroup('Meeting', { Owner_Account: 'carol' });
    await server.addMembers(meeting, [
      'alice',
      'bob',
      ...Array.from({ length: 60 }, (_, index) => `member-${String(index).padStart(3, '0')}`),
    ]);
    const reader = await enter('carol');
    const seen = [];
    let offset = 0;
    while (seen.length < 63) {
      const { data } = await reader.call('getGroupMemberList', { groupID: meeting, count: 30, offset });
      assert.ok(data.memberList.length > 0 && data.memberList.length <= 30);
      seen.push(...data.memberList.map((member) => member.userID));
      offset += 30;
    }
    assert.equal(new Set(seen).size, 63);
    assert.equal((await profile(meeting)).MemberNum, 63);
  });

  test('addGroupMember and deleteGroupMember', async () => {
    const [ann, ben, cy] = ['ann', 'ben', 'cy'];
    await server.importAccounts([ann, ben, cy]);
    const owner = await enter('dora');
    const { data: made } = await owner.patiently('createGroup', { type: 'Private', name: 'friends' });
    const { groupID } = made.group;
    const guest = await enter(ben);

    const { data: added } = await owner.call('addGroupMember', { groupID, userIDList: [ann, ben] });
    assert.deepEqual(added.successUserIDList, [ann, ben]);
    const { data: again } = await owner.call('addGroupMember', { groupID, userIDList: [ben, cy] });
    assert.deepEqual(again.successUserIDList, [cy]);
    assert.deepEqual(again.existedUserIDList, [ben]);
    const all = ['dora', ann, ben, cy];
    assert.deepEqual(await server.roles(groupID, all), { dora: 'Owner', ann: 'Member', ben: 'Member', cy: 'Member' });
    await reload(guest);
    assert.ok((await listed(guest)).includes(groupID));

    await owner.call('deleteGroupMember', { groupID, userIDList: [ben], reason: 'test' });
    assert.equal((await server.roles(groupID, [ben])).ben, 'NotMember');
    assert.equal((await profile(groupID)).MemberNum, 3);
    await reload(guest);
    assert.ok(!(await listed(guest)).includes(groupID));
  });

  test('a plain member is refused what its role forbids', async () => {
    const community = await server.createGroup('Community', {
      Owner_Account: 'alice',
      MemberList: [{ Member_Account: 'ann' }, { Member_Account: 'cy' }],
    });
    const member = await enter('ann');
    await assert.rejects(member.call('dismissGroup', community), { code: 10007 });
    await assert.rejects(member.call('deleteGroupMember', { groupID: community, userIDList: ['cy'] }), { code: 10007 });
    await assert.rejects(member.call('deleteGroupMember', { groupID: community, userIDList: ['alice'] }), {
      code: 10007,
    });
    assert.deepEqual(await server.roles(community, ['alice', 'ann', 'cy']), {
      alice: 'Owner',
      ann: 'Member',
      cy: 'Member',
    });
    assert.equal((await profile(community)).ErrorCode, 0);

    const meeting = await server.createGroup('Meeting', {
      Owner_Account: 'alice',
      MemberList: [{ Member_Account: 'ann' }],
    });
    await member.event('GROUP_LIST_UPDATED');
    await assert.rejects(member.call('addGroupMember', { groupID: meeting, userIDList: ['cy'] }));
    assert.equal((await server.roles(meeting, ['cy'])).cy, 'NotMember');
    const owner = await enter('eve');
    const { data } = await owner.patiently('createGroup', { type: 'ChatRoom', name: "eve's" });
    await assert.rejects(owner.call('quitGroup', data.group.groupID));
    assert.equal((await server.roles(data.group.groupID, ['eve'])).eve, 'Owner');
  });

  test('getGroupOnlineMemberCount of every counted type equals what REST says', async () => {
    const users = ['fay', 'gus'];
    await server.importAccounts([...users, 'hal']);
    const MemberList = [...users, 'hal'].map((user) => ({ Member_Account: user }));
    const groups = {};
    for (const type of ['Community', 'Public', 'Work', 'Meeting']) {
      groups[type] = await server.createGroup(type, { MemberList });
    }
    const [fay] = await Promise.all(users.map((userID) => enter(userID)));
    assert.equal(await server.count(groups.Community), 2);
    for (const [type, groupID] of Object.entries(groups)) {
      const { data } = await fay.call('getGroupOnlineMemberCount', groupID);
      assert.equal(data.memberCount, 2, type);
      const { OnlineMemberNum } = await server.ok(group, 'get_online_member_num', { GroupId: groupID });
      assert.equal(OnlineMemberNum, 2, type);
    }
    // A fresh client has no memory of an older answer.
    const hal = await enter('hal');
    for (const [type, groupID] of Object.entries(groups)) {
      assert.equal((await hal.call('getGroupOnlineMemberCount', groupID)).data.memberCount, 3, type);
    }
    assert.deepEqual(await server.statuses(['fay', 'hal', 'ann-nobody', 'cy']), {
      fay: 'Online',
      hal: 'Online',
      cy: 'Offline',
    });
  });

  test('a quiet client sends a handful of frames and nothing over and over', async () => {
    const proxy = await Proxy.start(server.port);
    try {
      const quiet = await enter('quiet', { proxyServer: proxy.gateway });
      const readyAt = performance.now();
      await steadily(() => proxy.messages.length <= 40, {
        forMs: 15_000,
        what: 'at most 40 messages since the login',
      });
      const commands = (list) => list.map(({ command }) => command).join(' ');
      const late = proxy.messages.filter(({ at }) => at > readyAt + 3_000);
      assert.ok(late.length <= 6, `when quiet it still sent ${commands(late)}`);
      assert.ok(
        late.some(({ command }) => command === 'heartbeat.alive'),
        'it sends heartbeats',
      );
      assert.ok(
        proxy.messages.filter(({ command }) => command === 'im_open_status.wslogin').length === 1,
        'it logs in once',
      );
      assert.equal(quiet.seen('NET_STATE_CHANGE'), 0, 'its connection never broke');
    } finally {
      proxy.close();
    }
  });

  test('no SDK logged an error or met one that nobody handled', () => {
    // A refused call is logged as an error too. And this test is faster than the SDK lets an application be (2996),
    // which some of the SDK's own inner calls meet.
    const tooOften = 2996;
    const refused = new RegExp(`"code":(${tooOften}|10007|10009|10010|10021)\\b`);
    for (const sdk of clients) {
      assert.deepEqual(
        sdk.faults.filter(({ code }) => code !== tooOften),
        [],
        sdk.userID,
      );
      assert.deepEqual(
        sdk.errors.filter((line) => !refused.test(line)),
        [],
        sdk.userID,
      );
    }
  });
});
