import { eventually } from './eventually.mjs';

/** A number that is known at every moment of a test: how it has been since when. */
export class History {
  #steps = [];

  constructor(range) {
    this.becomes(range);
  }

  /** From now on the number is between these two, both included. */
  becomes({ low, high = low }) {
    this.#steps.push({ at: performance.now(), low, high });
  }

  /** What may be told between two moments by whoever knows of each step within `lateMs`. */
  told(from, to, lateMs) {
    const current = this.#steps.filter(
      ({ at }, index) => at <= to && (this.#steps[index + 1]?.at ?? Infinity) >= from - lateMs,
    );
    return {
      low: Math.min(...current.map((step) => step.low)),
      high: Math.max(...current.map((step) => step.high)),
    };
  }
}

/** Asks servers for a count over and over, each for itself, and notes every answer of a ready one that is wrong. */
export class Watch {
  /** Every wrong answer: `{server, count, low, high, at}`. */
  wrong = [];
  /** How many answers each server gave. */
  answers;
  #over = false;

  constructor({ servers, groupID, history, lateMs, everyMs = 10 }) {
    this.startedAt = performance.now();
    this.answers = servers.map(() => 0);
    this.watching = servers.map((server, index) =>
      // Longer than any test: it ends when it is told to.
      eventually(() => this.#over || this.#ask(server, index, { groupID, history, lateMs }), {
        withinMs: 600_000,
        everyMs,
        what: 'the end of the watch',
      }),
    );
  }

  async #ask(server, index, { groupID, history, lateMs }) {
    const from = performance.now();
    if (!(await server.isReady())) {
      return;
    }
    const count = await server.count(groupID);
    const to = performance.now();
    const { low, high } = history.told(from, to, lateMs);
    this.answers[index]++;
    if (count < low || count > high) {
      this.wrong.push({ server: index, count, low, high, at: Math.round(from - this.startedAt) });
    }
  }

  /** Waits until every server has given so many more answers. */
  async goOn({ answers, withinMs }) {
    const before = [...this.answers];
    await eventually(() => this.answers.every((now, index) => now >= before[index] + answers), {
      withinMs,
      what: `${answers} more answers of every server`,
    });
  }

  /** Ends it, and waits until no question is under way. */
  async end() {
    this.#over = true;
    await Promise.all(this.watching);
  }
}
