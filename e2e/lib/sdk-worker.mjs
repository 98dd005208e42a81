import { createRequire } from 'node:module';
import { parentPort } from 'node:worker_threads';
import WebSocket from 'ws';
import { openRealm } from './sdk-realm.mjs';

// What the SDK needs in Node: a WebSocket class of the browser's shape.
globalThis.WebSocket = WebSocket;

const report = (message) => parentPort.postMessage(message);
for (const fault of ['uncaughtException', 'unhandledRejection']) {
  process.on(fault, (error) => {
    const { code, message, stack } = error ?? {};
    report({ kind: 'fault', fault, code, text: stack ?? message ?? String(error) });
  });
}

const perform = openRealm(createRequire(import.meta.url)('@tencentcloud/chat'), report);
parentPort.on('message', async ({ id, ...order }) => report({ kind: 'answer', id, ...(await perform(order)) }));
