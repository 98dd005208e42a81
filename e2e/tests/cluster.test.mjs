import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Cluster, LEASE_MS } from '../lib/cluster.mjs';
import { eventually, settled } from '../lib/eventually.mjs';
import { RawClient } from '../lib/gateway.mjs';
import { Proxy } from '../lib/proxy.mjs';
import { SdkProcess } from '../lib/sdk-client.mjs';
import { History, Watch } from '../lib/watch.mjs';

const group = 'group_open_http_svc';
const accounts = 'im_open_login_svc';
/** The client number of a phone. */
const ANDROID = 2;
/** What happened, in notices of groups. */
const NOTICES = { added: 7, removed: 4, dissolved: 5 };
/** How soon every node knows what happened on another. */
const SPREAD_MS = 1_000;
/** How soon every node knows that another is dead. */
const DEATH_MS = LEASE_MS + 1_500;
/** The SDK reconnects at once as a rule, but now and then only when its own timer of a minute fires. */
const RECONNECTED_MS = 75_000;

/** A load balancer in front of one node, and the clients behind it. */
class Balancer {
  clients = [];

  static async start(node) {
    const self = new Balancer();
    self.node = node;
    self.proxy = await Proxy.start(node.port);
    return self;
  }

  /** Sends new connections to another node; gives a promise of that all clients have logged in there. */
  move(node) {
    const heard = this.proxy.messages.length;
    this.node = node;
    this.proxy.port = node.port;
    const logins = () =>
      this.proxy.messages.slice(heard).filter(({ command }) => command === 'im_open_status.wslogin').length;
    return eventually(() => logins() >= this.clients.length, {
      withinMs: RECONNECTED_MS,
      what: 'a new login frame of every client of a stopped node',
    });
  }
}

describe('the client SDK and three servers that count as one', () => {
  const clients = [];
  const processes = [];
  const balancers = [];
  let cluster;
  let nodes;

  /** An SDK instance at a node. */
  async function client(node, userID, { process = processes[nodes.indexOf(node)], proxyServer } = {}) {
    const made = await process.client(node, userID, { proxyServer });
    clients.push(made);
    return made;
  }

  async function enter(node, userID, options) {
    const made = await client(node, userID, options);
    await made.enter();
    return made;
  }

  /** A phone at a node. */
  async function phone(node, userID) {
    const made = await RawClient.open(node, { platform: ANDROID });
    await made.login(userID);
    return made;
  }

  /** A community of these users, who all have accounts. */
  async function community(users) {
    const [node] = nodes;
    const made = await node.createGroup('Community');
    await node.importAccounts(users);
    await node.addMembers(made, users);
    return made;
  }

  /** How many members of a group of any type are online, as a node tells it. */
  async function count(node, groupID) {
    return (await node.ok(group, 'get_online_member_num', { GroupId: groupID })).OnlineMemberNum;
  }

  /** Every node says this number soon. */
  async function everywhere(groupID, number, step, { withinMs = SPREAD_MS, among = nodes } = {}) {
    await eventually(
      async () => {
        const counts = await Promise.all(among.map((node) => count(node, groupID)));
        assert.deepEqual(
          counts,
          among.map(() => number),
        );
        return true;
      },
      { withinMs, everyMs: 10, what: `${number} online on every node after: ${step}` },
    );
  }

  /** The node that acknowledged says it at once, the others soon. */
  async function acknowledged(node, groupID, number, step) {
    assert.equal(await count(node, groupID), number, step);
    await everywhere(groupID, number, step);
  }

  /** Watches a community on every node until the test is over. */
  function watched(t, groupID, history) {
    const watch = new Watch({ servers: nodes, groupID, history, lateMs: SPREAD_MS });
    t.after(() => watch.end());
    return watch;
  }

  async function nothingWrong(watch) {
    await watch.goOn({ answers: 20, withinMs: 5_000 });
    await watch.end();
    assert.deepEqual(watch.wrong, []);
  }

  async function balance(node) {
    const made = await Balancer.start(node);
    balancers.push(made);
    return made;
  }

  before(async () => {
    cluster = await Cluster.start({ appArgs: ['--admin', 'administrator', '--admin', 'deputy'] });
    ({ nodes } = cluster);
    processes.push(...nodes.map(() => new SdkProcess()));
  });

  after(async () => {
    await Promise.all(processes.map((process) => process.kill()));
    balancers.forEach((balancer) => balancer.proxy.close());
    await cluster?.dispose();
  });

  test('every login, logout and dropped connection counts on every node', async () => {
    const users = nodes.flatMap((_, place) => ['stays', 'leaves', 'drops'].map((what) => `${what}-${place}`));
    const all = await community(users);
    const doomed = nodes.map(() => new SdkProcess());
    processes.push(...doomed);
    const leaving = [];
    let number = 0;
    await everywhere(all, number, 'a community was made');
    for (const [place, node] of nodes.entries()) {
      const staying = await client(node, `stays-${place}`);
      leaving[place] = await client(node, `leaves-${place}`);
      const dropping = await client(node, `drops-${place}`, { process: doomed[place] });
      for (const one of [staying, leaving[place], dropping]) {
        await one.login();
        await acknowledged(node, all, ++number, `${one.userID} logs in`);
      }
    }
    for (const [place, node] of nodes.entries()) {
      await leaving[place].call('logout');
      await acknowledged(node, all, --number, `leaves-${place} logs out`);
      await doomed[place].kill();
      await everywhere(all, --number, `the connection of drops-${place} is dropped`);
    }
    assert.equal(number, 3);
    for (const one of clients.filter(({ userID }) => userID.startsWith('stays-'))) {
      const { data } = await one.call('getGroupOnlineMemberCount', all);
      assert.equal(data.memberCount, number, `as ${one.userID} sees it`);
      await one.call('logout');
      await acknowledged(one.server, all, --number, `${one.userID} logs out`);
    }
  });

  test('a user on two nodes counts once, and with no gap when one of them is killed', async (t) => {
    const [a, b, c] = nodes;
    const pair = await community(['web-dies', 'phone-dies']);
    const mixed = await community(['web-dies', 'only-a-0', 'only-a-1']);
    const doomed = new SdkProcess();
    processes.push(doomed);
    for (const userID of ['web-dies', 'only-a-0', 'only-a-1']) {
      await enter(a, userID, { process: doomed });
    }
    const phones = [await phone(b, 'web-dies'), await phone(a, 'phone-dies')];
    const browser = await enter(b, 'phone-dies');
    await everywhere(pair, 2, 'two users log in on two nodes each');
    await everywhere(mixed, 3, 'two more log in on one');

    const watch = watched(t, pair, new History({ low: 2 }));
    await a.kill();
    await doomed.kill();
    await everywhere(mixed, 1, 'a node is killed', { withinMs: DEATH_MS, among: [b, c] });
    await a.up();
    await cluster.ready();
    await everywhere(pair, 2, 'the node is back');
    await everywhere(mixed, 1, 'the node is back');
    await nothingWrong(watch);

    await browser.call('logout');
    await acknowledged(b, pair, 1, 'one of the two logs out');
    await Promise.all(phones.map((one) => one.close()));
    await everywhere(pair, 0, 'the other is gone');
  });

  test('clients of a killed node that come to another at once are never missed', async (t) => {
    const [a, b, c] = nodes;
    const movers = ['moves-0', 'moves-1'];
    const all = await community([...movers, 'watches']);
    const balancer = await balance(a);
    for (const userID of movers) {
      balancer.clients.push(await enter(a, userID, { proxyServer: balancer.proxy.gateway }));
    }
    const stays = await enter(c, 'watches');
    await everywhere(all, 3, 'all log in');

    const history = new History({ low: 3 });
    const watch = watched(t, all, history);
    const back = balancer.move(b);
    await a.kill();
    // Only when the SDK waits for its own timer does the lease end first.
    await settled(back, { withinMs: LEASE_MS }).catch(() => history.becomes({ low: 1, high: 3 }));
    await back;
    await everywhere(all, 3, 'the clients are back', { among: [b, c] });
    history.becomes({ low: 3 });
    await a.up();
    await cluster.ready();
    await everywhere(all, 3, 'the node is back');
    await nothingWrong(watch);
    let number = 3;
    for (const [one, node] of [...balancer.clients.map((mover) => [mover, b]), [stays, c]]) {
      await one.call('logout');
      await acknowledged(node, all, --number, `${one.userID} logs out`);
    }
  });

  test('a second login on another node forces the older one off', async (t) => {
    const [a, b] = nodes;
    const own = await community(['twice']);
    const older = await enter(a, 'twice');
    await acknowledged(a, own, 1, 'the first login');
    const watch = watched(t, own, new History({ low: 1 }));
    const newer = await enter(b, 'twice');
    assert.equal((await older.event('KICKED_OUT', { withinMs: SPREAD_MS })).data.type, 'multipleAccount');
    await older.event('SDK_NOT_READY');
    await nothingWrong(watch);
    assert.equal(newer.seen('KICKED_OUT'), 0);
    await newer.call('logout');
    // The end of the older one was another node's to tell.
    await everywhere(own, 0, 'the second logs out');
  });

  test('a kick by REST reaches the client at another node, and ends its UserSigs on all', async () => {
    const [a, , c] = nodes;
    const own = await community(['kicked']);
    const old = a.sign('kicked');
    const sdk = await client(a, 'kicked');
    await sdk.login(old);
    await acknowledged(a, own, 1, 'the login');
    await c.ok(accounts, 'kick', { UserID: 'kicked' });
    const [{ data }] = await Promise.all([
      sdk.event('KICKED_OUT', { withinMs: SPREAD_MS }),
      everywhere(own, 0, 'the kick'),
      ...nodes.map((node) => refused(node, 'kicked', old)),
    ]);
    assert.equal(data.type, 'REST_API_Kick');
    await everywhere(own, 0, 'the tries to come back with the old UserSig');
    await sdk.event('SDK_NOT_READY');
    await sdk.login();
    await acknowledged(a, own, 1, 'a login with a new UserSig');
    await sdk.call('logout');
    await acknowledged(a, own, 0, 'the logout');
  });

  /** A node soon refuses a revoked UserSig of a user who logs in. */
  async function refused(node, userID, userSig) {
    const raw = await RawClient.open(node);
    await eventually(async () => (await raw.tryLogin(userID, userSig)).ErrorCode === 70001, {
      withinMs: SPREAD_MS,
      what: 'the refusal of an old UserSig at the gateway',
    });
    await raw.close();
  }

  test('a kick of an admin ends its UserSigs at the REST doors of all nodes', async () => {
    const [a, , c] = nodes;
    await a.importAccounts(['deputy']);
    const own = await community([]);
    const old = a.sign('deputy');
    const code = async (node, usersig) => {
      const options = { identifier: 'deputy', usersig };
      return (await node.call('million_group_open_http_svc', 'get_online_member_num', { GroupId: own }, options))
        .ErrorCode;
    };
    await everywhere(own, 0, 'a community was made');
    for (const node of nodes) {
      assert.equal(await code(node, old), 0);
    }
    await c.ok(accounts, 'kick', { UserID: 'deputy' });
    assert.equal(await code(c, old), 70001, 'at once where the kick was acknowledged');
    await Promise.all(
      nodes.map(async (node) => {
        await eventually(async () => (await code(node, old)) === 70001, {
          withinMs: SPREAD_MS,
          everyMs: 10,
          what: 'the refusal of an old UserSig by REST',
        });
        assert.equal(await code(node, node.sign('deputy')), 0);
      }),
    );
  });

  test('what REST does to a membership on another node reaches the client and all counts', async () => {
    const [a, b] = nodes;
    const known = await community(['guest']);
    const guest = await enter(a, 'guest');
    await everywhere(known, 1, 'the guest logs in');
    for (const type of ['Community', 'Work']) {
      const made = await b.createGroup(type);
      const removal = { GroupId: made, MemberToDel_Account: ['guest'] };
      await tells(guest, made, { inList: true, notice: NOTICES.added }, async () => {
        await b.addMembers(made, ['guest']);
        await acknowledged(b, made, 1, 'the guest is added');
      });
      await tells(guest, made, { inList: false, notice: NOTICES.removed }, async () => {
        await b.ok(group, 'delete_group_member', removal);
        await acknowledged(b, made, 0, 'the guest is removed');
      });
      await tells(guest, made, { inList: true, notice: NOTICES.added }, async () => {
        await b.addMembers(made, ['guest']);
        await acknowledged(b, made, 1, 'the guest is added again');
      });
      await tells(guest, made, { inList: false, notice: NOTICES.dissolved }, async () => {
        await b.ok(group, 'destroy_group', { GroupId: made });
        await eventually(async () => (await Promise.all(nodes.map((node) => isGone(node, made)))).every(Boolean), {
          withinMs: SPREAD_MS,
          everyMs: 10,
          what: 'the end of the group on every node',
        });
      });
    }
    await guest.call('logout');
  });

  /** The SDK tells soon after `act` that its groups have changed, and passes on a notice of that group. */
  async function tells(client, groupID, { inList, notice }, act) {
    const from = client.events.length;
    await act();
    await client.event('GROUP_LIST_UPDATED', {
      from,
      withinMs: 5_000,
      where: (list) => list.some((one) => one.groupID === groupID) === inList,
    });
    await client.event('MESSAGE_RECEIVED', {
      from,
      withinMs: SPREAD_MS,
      where: (messages) =>
        messages.some(({ payload }) => payload.operationType === notice && payload.groupProfile?.groupID === groupID),
    });
  }

  async function isGone(node, groupID) {
    return (await node.call(group, 'get_online_member_num', { GroupId: groupID })).ErrorCode === 10010;
  }

  test('the devices of a user on two nodes are named by a third', async () => {
    const [a, b, c] = nodes;
    const query = { To_Account: ['both'], IsNeedDetail: 1, IsReturnInstid: 1 };
    const devices = async () => {
      const { QueryResult } = await c.ok('openim', 'query_online_status', query);
      const [{ Status, Detail = [] }] = QueryResult;
      assert.equal(Status, Detail.length > 0 ? 'Online' : 'Offline');
      return Detail.map((device) => `${device.Platform} ${device.Status} ${device.Instid > 0}`).sort();
    };
    const soon = (wanted) =>
      eventually(async () => assert.deepEqual(await devices(), wanted) ?? true, {
        withinMs: SPREAD_MS,
        everyMs: 10,
        what: `the devices ${JSON.stringify(wanted)}`,
      });
    const web = await enter(a, 'both');
    await soon(['Web Online true']);
    const android = await phone(b, 'both');
    await soon(['Android Online true', 'Web Online true']);
    await web.call('logout');
    await soon(['Android Online true']);
    await android.close();
    await soon([]);
  });

  test('a rolling restart shows no more than who is there, misses nobody who stays, and ends exact', async (t) => {
    const fronts = await Promise.all(nodes.map((node) => balance(node)));
    const everybody = fronts.flatMap((_, place) => [0, 1, 2].map((index) => `rolls-${place}-${index}`));
    const all = await community(everybody);
    for (const [place, balancer] of fronts.entries()) {
      for (const userID of everybody.slice(3 * place, 3 * place + 3)) {
        balancer.clients.push(await enter(nodes[place], userID, { proxyServer: balancer.proxy.gateway }));
      }
    }
    let number = everybody.length;
    await everywhere(all, number, 'all log in');
    const history = new History({ low: number });
    const watch = watched(t, all, history);

    for (const [place, node] of nodes.entries()) {
      // One leaves for good at the last moment: nobody may count it again.
      const leaver = fronts[place].clients.pop();
      history.becomes({ low: number - 1, high: number });
      await leaver.call('logout');
      number--;
      const moving = fronts.filter((balancer) => balancer.node === node);
      const moved = moving.flatMap((balancer) => balancer.clients).length;
      history.becomes({ low: number - moved, high: number });
      const others = nodes.filter((other) => other !== node);
      const back = moving.map((balancer, index) => balancer.move(others[index % others.length]));
      const [ended] = await Promise.all([node.stop(), ...back]);
      assert.equal(ended.code, 0, node.log);
      await everywhere(all, number, `node ${place} is stopped`, { among: others });
      history.becomes({ low: number });
      await node.up();
      await cluster.ready();
      await everywhere(all, number, `node ${place} is back`, { withinMs: LEASE_MS + 1_000 });
    }
    await nothingWrong(watch);
    for (const one of fronts.flatMap((balancer) => balancer.clients)) {
      assert.equal(one.seen('KICKED_OUT'), 0);
      assert.equal(one.seen('SDK_READY'), 1, 'the SDK came back without a call of login()');
      assert.equal((await one.call('getMyProfile')).data.userID, one.userID);
    }
  });

  test('a recount from first principles gives the same numbers on every node', async () => {
    const { code, stdout, stderr } = await cluster.audit();
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /3 nodes with [1-9]\d* sessions know the same/);
  });

  test('nothing went wrong inside any SDK that nobody handled', () => {
    const faults = clients.flatMap((one) => one.faults.map((fault) => [one.userID, fault]));
    assert.deepEqual(faults, []);
  });
});
