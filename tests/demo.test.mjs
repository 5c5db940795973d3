// `cargo xtask demo`, as somebody runs it who has just cloned the project.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { start } from './support/process.mjs';

/** A first run builds; later ones take seconds. */
const LIMIT = 20 * 60_000;

const found = (name) => (process.env.PATH ?? '').split(':').some((place) => existsSync(join(place, name)));
const chromium = ['chromium', 'chromium-browser', 'google-chrome', 'chrome'].some(found);

/** Starts the demo; `told` waits for something in its story. */
function demo(t, ...options) {
  // What other tests are told is not for it: it must find everything by itself.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GATEPASS_')));
  const program = start(t, 'cargo', ['xtask', 'demo', ...options], { env });
  return { program, told: (pattern) => program.until(({ stdout }) => pattern.exec(stdout), { limit: LIMIT }) };
}

/** What the demo says that it has started. */
async function started({ told }) {
  const [, issuer, id, place] = await told(/^ {2}(http:\S+), process (\d+)\n.* are in (\S+)$/m);
  return { issuer, id: Number(id), place };
}

async function gone({ issuer, id, place }) {
  assert.throws(() => process.kill(id, 0), { code: 'ESRCH' }, 'the authority has ended');
  await assert.rejects(fetch(issuer), 'nobody listens at its address');
  assert.equal(existsSync(place), false, 'its folder is removed');
}

const TERMINAL = [
  /^The terminal's session .*$/,
  /^ {2}Account: demo@example\.com$/,
  /^ {2}Issuer: {2}http:\/\/127\.0\.0\.1:\d+$/,
  /^ {2}Token: {3}expires in (1 hour|59 minutes)$/,
  /^ {2}Session: bound to a key of this machine, signed in \d+ seconds? ago$/,
  /^ {2}Storage: (sealed|file)$/,
  /^ {2}\S{12}…\S{6} \(\d+ characters\)$/,
];
const DASHBOARD = [
  /^The dashboard's session .*$/,
  /^ {2}Account: demo@example\.com$/,
  /^ {2}Issuer: {2}http:\/\/127\.0\.0\.1:\d+$/,
  /^ {2}Token: {3}Next refresh in \d+:\d\d$/,
  /^ {2}Session: Bound to a key that never leaves this browser \(ECDSA P‑256\)$/,
  /^ {2}\S{12}…\S{6} \(\d+ characters\)$/,
];

/** The closing part under a heading, line by line. */
function holds(stdout, lines) {
  const text = stdout.split('\n');
  const at = text.findIndex((line) => lines[0].test(line));
  assert.notEqual(at, -1, stdout);
  lines.forEach((pattern, number) => assert.match(text[at + number], pattern));
}

test('without a browser it walks by HTTP', async (t) => {
  const run = demo(t, '--by-itself', '--no-browser');
  const house = await started(run);
  assert.deepEqual(await run.program.ended, { code: 0, signal: null }, run.program.stdout + run.program.stderr);
  holds(run.program.stdout, TERMINAL);
  assert.match(run.program.stdout, /the server has revoked the terminal's session\n\nDone in \d+ s\..* is gone\.\n$/);
  await gone(house);
});

test('in Chromium terminal and dashboard hold a session each', { skip: !chromium && 'chromium is not installed' }, async (t) => {
  const run = demo(t, '--by-itself');
  const house = await started(run);
  assert.deepEqual(await run.program.ended, { code: 0, signal: null }, run.program.stdout + run.program.stderr);
  holds(run.program.stdout, TERMINAL);
  holds(run.program.stdout, DASHBOARD);
  assert.match(run.program.stdout, /reloaded the page: still signed in\n/);
  assert.match(run.program.stdout, /the page says: You are signed out\.\n.* has revoked the dashboard's session\n\nDone in \d+ s\./);
  await gone(house);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  test(`${signal} in the middle leaves nothing behind`, async (t) => {
    const run = demo(t, '--by-itself', '--no-browser');
    const house = await started(run);
    await run.told(/gatepass login --no-browser/);
    run.program.kill(signal);
    assert.deepEqual(await run.program.ended, { code: 130, signal: null }, run.program.stdout + run.program.stderr);
    assert.match(run.program.stdout, /\nInterrupted\. .* is gone\.\n$/);
    await gone(house);
  });
}
