// A member comes online: logs in with the official SDK, joins a community, and stays until Ctrl-C.
//
//   node online.mjs GATEWAY SDKAPPID USER USERSIG COMMUNITY
//   node online.mjs ws://127.0.0.1:8080 1400000001 alice "$USERSIG" @TGS#_first
import TencentCloudChat from '@tencentcloud/chat';
import WebSocket from 'ws';

// What the SDK needs in Node: a WebSocket class of the browser's shape.
globalThis.WebSocket = WebSocket;

const [gateway, sdkAppID, userID, userSig, groupID] = process.argv.slice(2);
const chat = TencentCloudChat.create({ SDKAppID: Number(sdkAppID), proxyServer: gateway });
chat.setLogLevel(4); // no log of the SDK's own

const groupsKnown = new Promise((resolve) => chat.on(TencentCloudChat.EVENT.GROUP_LIST_UPDATED, resolve));
chat.on(TencentCloudChat.EVENT.KICKED_OUT, ({ data }) => {
  console.log(`kicked out: ${data.type}`);
  process.exit(1);
});

await chat.login({ userID, userSig });
await groupsKnown;
const { data } = await chat.joinGroup({ groupID });
console.log(`${userID} is online in ${groupID} (${data.status})`);

process.on('SIGINT', async () => {
  await chat.logout();
  process.exit(0);
});
