import { Worker } from 'node:worker_threads';

// Holds SDK instances, one worker thread each, and passes messages between them and the process that started this one.
const workers = new Map();

function worker(name) {
  if (!workers.has(name)) {
    const started = new Worker(new URL('./sdk-worker.mjs', import.meta.url));
    const tell = (message) => process.connected && process.send({ worker: name, ...message });
    started.on('message', tell);
    started.on('error', (error) => tell({ kind: 'fault', fault: 'worker', text: error.stack ?? String(error) }));
    started.on('exit', (code) => tell({ kind: 'fault', fault: 'exit', text: `the worker ended with code ${code}` }));
    workers.set(name, started);
  }
  return workers.get(name);
}

process.on('message', ({ worker: name, ...order }) => worker(name).postMessage(order));
process.on('disconnect', () => process.exit());
