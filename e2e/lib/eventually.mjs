import { setTimeout as pause } from 'node:timers/promises';
import { inspect } from 'node:util';

/**
 * Polls `check` until it gives a true value, and gives that value. A check that throws counts as not yet true.
 * The one place of the suite that lets time pass.
 */
export async function eventually(check, { withinMs, everyMs = 25, what = 'the condition' }) {
  const deadline = performance.now() + withinMs;
  for (;;) {
    let seen;
    try {
      const value = await check();
      if (value) {
        return value;
      }
      seen = `it gave ${inspect(value)}`;
    } catch (error) {
      seen = error.message;
    }
    if (performance.now() >= deadline) {
      throw new Error(`${what} did not come true within ${withinMs} ms: ${seen}`);
    }
    await pause(everyMs);
  }
}

/** Polls `check` for the whole of `forMs` and fails as soon as it throws or gives a false value. */
export async function steadily(check, { forMs, everyMs = 250, what = 'the condition' }) {
  const started = performance.now();
  for (;;) {
    const elapsedMs = Math.round(performance.now() - started);
    const value = await check();
    if (!value) {
      throw new Error(`${what} ceased to hold after ${elapsedMs} ms: it gave ${inspect(value)}`);
    }
    if (elapsedMs >= forMs) {
      return;
    }
    await pause(everyMs);
  }
}

/** `promise`, but rejected when it has not settled within `withinMs`. */
export async function settled(promise, { withinMs, what = 'the promise' }) {
  const alarm = new AbortController();
  try {
    return await Promise.race([
      promise,
      pause(withinMs, undefined, { signal: alarm.signal }).then(() => {
        throw new Error(`${what} had not settled after ${withinMs} ms`);
      }),
    ]);
  } finally {
    alarm.abort();
  }
}
