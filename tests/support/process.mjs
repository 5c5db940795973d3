// Processes that end with the test that started them, by their own id.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What each test has to clear up. */
const stacks = new WeakMap();

/** Clears up when the test is over: what came last goes first, so that a folder outlives the program that uses it. */
export function cleanUp(t, work) {
  let stack = stacks.get(t);
  if (!stack) {
    stack = [];
    stacks.set(t, stack);
    t.after(async () => {
      while (stack.length > 0) await stack.pop()();
    });
  }
  stack.push(work);
}

/** A folder that goes away with the test. */
export function folder(t, name) {
  const path = mkdtempSync(join(tmpdir(), `gatepass-${name}-`));
  cleanUp(t, () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

/** Waits for a condition that nothing announces. */
export async function eventually(condition, limit = 15_000) {
  const end = performance.now() + limit;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`it never became true: ${condition}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A port of this machine that was free a moment ago. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** A running program: what it has printed so far, and how it ended. */
export class Program {
  constructor(command, args, { env = process.env, input, keys = false } = {}) {
    this.name = command;
    this.stdout = '';
    this.stderr = '';
    this.waiters = new Set();
    // A group of its own, so that what it started ends with it.
    this.child = spawn(command, args, { env, detached: true, stdio: [input === undefined && !keys ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
    if (input !== undefined) this.child.stdin.end(input);
    for (const stream of ['stdout', 'stderr']) {
      this.child[stream].setEncoding('utf8').on('data', (text) => {
        this[stream] += text;
        this.notify();
      });
    }
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => resolve({ code: null, signal: String(error) }));
      this.child.once('close', (code, signal) => resolve({ code, signal }));
    }).then((end) => {
      this.end = end;
      this.notify();
      return end;
    });
  }

  notify() {
    for (const waiter of [...this.waiters]) waiter();
  }

  /** Waits until `find` gives something for what was printed; fails when the program ends or the limit passes. */
  until(find, { limit = 30_000 } = {}) {
    return new Promise((resolve, reject) => {
      const done = (settle, value) => {
        clearTimeout(timer);
        this.waiters.delete(look);
        settle(value);
      };
      const look = () => {
        const found = find(this);
        if (found) return done(resolve, found);
        if (this.end) done(reject, new Error(`${this.name} ended with ${this.end.code ?? this.end.signal}:\n${this.stderr}`));
      };
      const timer = setTimeout(() => done(reject, new Error(`${this.name} printed nothing that fits in ${limit} ms:\n${this.stdout}${this.stderr}`)), limit);
      this.waiters.add(look);
      look();
    });
  }

  /** Types something, where the program was started with `keys`. */
  type(text) {
    this.child.stdin.write(text);
  }

  kill(signal = 'SIGTERM') {
    if (this.end) return;
    try {
      process.kill(-this.child.pid, signal);
    } catch {
      // It has just ended by itself.
    }
  }
}

/** Starts a program that ends with the test. */
export function start(t, command, args, options) {
  const program = new Program(command, args, options);
  cleanUp(t, async () => {
    program.kill();
    const patience = setTimeout(() => program.kill('SIGKILL'), 3_000);
    await program.ended;
    clearTimeout(patience);
  });
  return program;
}
