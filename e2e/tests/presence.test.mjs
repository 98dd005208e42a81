import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Browser } from '../lib/browser.mjs';
import { eventually, steadily } from '../lib/eventually.mjs';
import { RawClient } from '../lib/gateway.mjs';
import { Proxy } from '../lib/proxy.mjs';
import { SdkProcess } from '../lib/sdk-client.mjs';
import { Server } from '../lib/server.mjs';

const PROCESSES = 10;
const PER_PROCESS = 5;
const WEB_TIMEOUT_S = 12;
/** How soon the server knows of a socket that was closed without a word. */
const NOTICED_MS = 1_000;
/** The SDK reconnects at once as a rule, but now and then only when its own timer of a minute fires. */
const RECONNECTED_MS = 75_000;

/** The number as the test keeps it itself, from what it has done and from nothing the server says. */
class Ledger {
  #members = new Set();
  #sessions = new Map();

  joins(user) {
    this.#members.add(user);
  }

  leaves(user) {
    this.#members.delete(user);
  }

  logsIn(user) {
    this.#sessions.set(user, (this.#sessions.get(user) ?? 0) + 1);
  }

  goes(user) {
    assert.ok(this.#sessions.get(user) > 0, `${user} has no session to lose`);
    this.#sessions.set(user, this.#sessions.get(user) - 1);
  }

  isOnline(user) {
    return this.#sessions.get(user) > 0;
  }

  get number() {
    return [...this.#members].filter((user) => this.isOnline(user)).length;
  }
}

describe('the online number of a community with 52 real clients', () => {
  const ledger = new Ledger();
  const clients = [];
  const processes = [];
  const user = (index) => `user-${String(index).padStart(2, '0')}`;
  let server;
  let proxy;
  let browser;
  let community;
  let pages;

  /** What was acknowledged counts at once. */
  async function atOnce(step) {
    assert.equal(await server.count(community), ledger.number, step);
  }

  /** What nobody acknowledged counts within a bound. */
  async function soon(step, withinMs = NOTICED_MS) {
    try {
      await eventually(async () => (await server.count(community)) === ledger.number, {
        withinMs,
        everyMs: 10,
        what: `${ledger.number} online after: ${step}`,
      });
    } catch (error) {
      const statuses = await server.statuses([...clients, ...pages].map((client) => client.userID));
      const wrong = Object.entries(statuses).filter(([id, status]) => (status === 'Online') !== ledger.isOnline(id));
      throw new Error(`${error.message}; the server sees otherwise: ${JSON.stringify(wrong)}`);
    }
  }

  async function logIn(client) {
    await client.login();
    ledger.logsIn(client.userID);
    await atOnce(`${client.userID} logs in`);
  }

  before(async () => {
    server = await Server.start({
      config: `[heartbeat]\nweb_timeout_s = ${WEB_TIMEOUT_S}\n[multi_login]\nweb_instances = 2\n`,
    });
    proxy = await Proxy.start(server.port);
    browser = await Browser.launch();
    community = await server.createGroup('Community', { Name: 'everybody' });
    for (let index = 0; index < PROCESSES; index++) {
      processes.push(new SdkProcess());
    }
    // The processes of the last two fifths reach the server through a load balancer that can cut and hold.
    await Promise.all(
      processes.flatMap((process, number) =>
        Array.from({ length: PER_PROCESS }, async (_, place) => {
          const index = number * PER_PROCESS + place;
          const proxyServer = number < 6 ? server.gateway : proxy.gateway;
          clients[index] = await process.client(server, user(index), { proxyServer });
        }),
      ),
    );
    pages = [await browser.client(server, 'page-0'), await browser.client(server, 'page-1')];
  });

  after(async () => {
    await Promise.all(processes.map((process) => process.kill()));
    await browser?.close();
    proxy?.close();
    await server?.dispose();
  });

  test('members log in, and users who are logged in join', async () => {
    const first = clients.slice(0, 25);
    const members = [...first.map((client) => client.userID), 'page-0'];
    await server.importAccounts(members);
    await server.addMembers(community, members);
    members.forEach((member) => ledger.joins(member));
    await atOnce('members who are not logged in');
    for (const client of [...first, pages[0]]) {
      await logIn(client);
    }
    for (const client of [...clients.slice(25), pages[1]]) {
      await logIn(client);
      const { data } = await client.call('joinGroup', { groupID: community });
      assert.equal(data.status, 'JoinedSuccess');
      ledger.joins(client.userID);
      await atOnce(`${client.userID} joins`);
    }
    assert.equal(ledger.number, 52);
  });

  test('members leave, are removed and come back', async () => {
    const [leaver, removed] = clients;
    // The SDK leaves only groups it knows.
    await leaver.event('GROUP_LIST_UPDATED');
    await leaver.call('quitGroup', community);
    ledger.leaves(leaver.userID);
    await atOnce('a member leaves');
    await server.ok('group_open_http_svc', 'delete_group_member', {
      GroupId: community,
      MemberToDel_Account: [removed.userID],
    });
    ledger.leaves(removed.userID);
    await atOnce('a member is removed');
    await leaver.call('joinGroup', { groupID: community });
    ledger.joins(leaver.userID);
    await atOnce('the member who left joins again');
    await server.addMembers(community, [removed.userID]);
    ledger.joins(removed.userID);
    await atOnce('the removed member is added again');
  });

  test('clients log out, log in again and destroy their SDK', async () => {
    const [, , once, twice, gone] = clients;
    for (const client of [once, twice]) {
      await client.call('logout');
      ledger.goes(client.userID);
      await atOnce('a client logs out');
    }
    await logIn(once);
    await logIn(twice);
    await gone.call('destroy');
    ledger.goes(gone.userID);
    await atOnce('a client destroys its SDK');
  });

  test('a user on two devices counts once, until the last device is gone', async () => {
    const [web, mixed] = clients.slice(15, 17);
    const second = await processes[0].client(server, web.userID);
    await logIn(second);
    await web.call('logout');
    ledger.goes(web.userID);
    await atOnce('one of two browsers logs out');
    assert.ok(ledger.isOnline(web.userID));
    await second.call('logout');
    ledger.goes(web.userID);
    await atOnce('the second browser logs out');

    const phone = await RawClient.open(server, { platform: 2 });
    await phone.login(mixed.userID);
    ledger.logsIn(mixed.userID);
    await atOnce('a phone logs in beside the browser');
    await mixed.call('logout');
    ledger.goes(mixed.userID);
    await atOnce('the browser logs out beside the phone');
    assert.ok(ledger.isOnline(mixed.userID));
    await phone.close();
    ledger.goes(mixed.userID);
    await soon('the phone closes its socket');
  });

  test('a killed process takes its clients offline', async () => {
    await processes[1].kill();
    clients.slice(5, 10).forEach((client) => ledger.goes(client.userID));
    await soon('five clients are killed');
  });

  test('a closed page takes its client offline', async () => {
    await pages[1].page.close();
    ledger.goes('page-1');
    await soon('a page is closed');
  });

  test('frozen clients go after the timeout, come back when they run again, and nobody else goes', async () => {
    const frozen = clients.slice(10, 15);
    const frozenAt = performance.now();
    processes[2].freeze();
    // Each has been heard in the last ten seconds, so none may be missed in the first two.
    await steadily(async () => (await server.count(community)) === ledger.number, {
      forMs: 1_500,
      what: 'the number just after the freeze',
    });
    frozen.forEach((client) => ledger.goes(client.userID));
    const left = WEB_TIMEOUT_S * 1_000 + NOTICED_MS - (performance.now() - frozenAt);
    await soon('five clients are frozen', left);

    const reconnects = frozen.map((client) => client.events.length);
    processes[2].thaw();
    frozen.forEach((client) => ledger.logsIn(client.userID));
    await soon('the clients run again', RECONNECTED_MS);
    for (const [index, client] of frozen.entries()) {
      await client.event('NET_STATE_CHANGE', {
        from: reconnects[index],
        where: ({ state }) => state === 'connected',
      });
      assert.equal(client.seen('SDK_READY'), 1, 'the SDK came back without a call of login()');
    }
    await atOnce('the clients are back');
  });

  test('clients whose sockets are cut reconnect by themselves', async () => {
    const behind = clients.slice(30);
    const heard = proxy.messages.length;
    proxy.cut();
    await eventually(
      () =>
        proxy.messages.slice(heard).filter(({ command }) => command === 'im_open_status.wslogin').length >=
        behind.length,
      { withinMs: RECONNECTED_MS, what: 'a new login frame of every cut client' },
    );
    await soon('twenty sockets are cut');
    // The SDK tries again at once only when the lost socket was older than a second.
    await steadily(async () => (await server.count(community)) === ledger.number, {
      forMs: 1_500,
      what: 'the number after the reconnects',
    });
    const { code, stdout, stderr } = await server.audit();
    assert.equal(code, 0, stdout + stderr);
  });

  test('everybody who is not behind the load balancer goes', async () => {
    const rest = clients.slice(0, 30).filter((client) => ledger.isOnline(client.userID));
    for (const client of rest.filter((one) => one.process !== processes[5])) {
      await client.call('logout');
      ledger.goes(client.userID);
      await atOnce(`${client.userID} logs out`);
    }
    await processes[5].kill();
    clients.slice(25, 30).forEach((client) => ledger.goes(client.userID));
    await soon('five more clients are killed');
    await pages[0].call('destroy');
    ledger.goes('page-0');
    await atOnce('the page destroys its SDK');
    assert.equal(ledger.number, 20);
  });

  test('after a crash of the server the clients reconnect and are counted again', async () => {
    await server.kill();
    await server.up();
    await soon('the server is killed and started again', RECONNECTED_MS);
  });

  test('a recount from first principles gives the same numbers', async () => {
    for (const args of [
      ['--url', server.opsOrigin],
      ['--data-dir', server.dataDir],
    ]) {
      const { code, stdout, stderr } = await server.audit(args);
      assert.equal(code, 0, stdout + stderr);
    }
    await atOnce('the audit');
  });

  test('nothing went wrong inside any SDK that nobody handled', () => {
    const faults = [...clients, ...pages].flatMap((client) => client.faults.map((fault) => [client.userID, fault]));
    assert.deepEqual(faults, []);
  });
});
