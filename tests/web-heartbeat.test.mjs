// The heartbeat: who is told that a session is used, when, and by whom not. Real Chromium with a clock that tests move, our own authority.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ready, signInAt, startApp } from './support/app.mjs';
import { chromiumMissing, openBrowser } from './support/chromium.mjs';
import { eventually } from './support/process.mjs';
import { wwwMissing } from './support/tree.mjs';

const missing = chromiumMissing ?? wwwMissing;
const skip = missing && `${missing} is missing`;
const MINUTE = 60_000;
const IDLE = 3600;

/** Counts what a page waits for besides timers, so that a test knows when it has done all that there was to do. */
function countWork() {
  let waiting = 0;
  const done = () => void (waiting -= 1);
  const wrap = (owner, name, wait) => {
    const original = owner[name];
    owner[name] = function (...given) {
      const result = original.apply(this, given);
      waiting += 1;
      wait(result);
      return result;
    };
  };
  const settled = (promise) => promise.then(done, done);
  for (const name of ['sign', 'verify', 'encrypt', 'decrypt', 'digest', 'importKey', 'exportKey', 'generateKey']) wrap(SubtleCrypto.prototype, name, settled);
  for (const name of ['json', 'arrayBuffer', 'text']) wrap(Response.prototype, name, settled);
  wrap(window, 'fetch', settled);
  wrap(ReadableStreamDefaultReader.prototype, 'read', settled);
  wrap(LockManager.prototype, 'request', settled);
  wrap(IDBDatabase.prototype, 'transaction', (transaction) => ['complete', 'abort'].forEach((name) => transaction.addEventListener(name, done)));
  window.idle = () => waiting === 0;
}

/** A signed-in page whose timers run by hand. */
async function open(t, options) {
  const app = await startApp(t, { options, client: `refresh_idle_seconds = ${IDLE}\nrefresh_absolute_seconds = 14400\naccess_token_seconds = 3600` });
  const { context } = await openBrowser(t);
  const beats = [];
  context.on('response', (response) => {
    if (new URL(response.url()).pathname !== '/session/heartbeat') return;
    // That the server wants its nonce is no answer yet.
    if (!response.headers()['www-authenticate']?.includes('use_dpop_nonce')) beats.push(response.status());
  });
  const page = await context.newPage();
  await page.clock.install();
  // A disk and a network that answer at once take minutes by this clock: nobody shall give up on them.
  await page.addInitScript(() => void (AbortSignal.timeout = () => new AbortController().signal));
  await page.addInitScript(countWork);
  await page.goto(app.origin);
  await ready(page);
  await page.evaluate(() => void window.gatepass.signIn());
  await signInAt(app.authority, page);
  await page.waitForURL('**/callback');
  await ready(page);
  await page.evaluate(() => {
    window.expiring = [];
    window.gatepass.on('expiring', ({ sessionExpiresAt }) => window.expiring.push(Math.round((sessionExpiresAt - Date.now()) / 60_000)));
    window.failures = [];
    window.gatepass.on('error', ({ code }) => window.failures.push(code));
  });
  /** Lets time pass, for the server to where the page will be: under load the two would drift apart. */
  const pass = async (minutes) => {
    for (let half = 0; half < 2 * minutes; half += 1) {
      // Half a minute at most: a proof may be a minute old.
      const then = (await page.evaluate(() => Date.now())) + MINUTE / 2;
      app.authority.later(Math.ceil((then - Date.now()) / 1000));
      await page.clock.runFor(MINUTE / 2);
      while (!(await page.evaluate(() => window.idle())));
    }
  };
  const use = () => page.keyboard.press('Shift');
  const beaten = async (count) => {
    await eventually(() => beats.length >= count);
    assert.equal(beats.length, count);
  };
  return Object.assign(app, { context, page, beats, pass, use, beaten });
}

test('a page that is used keeps its session alive, beyond the time that an unused one has', { skip }, async (t) => {
  const { page, beats, pass, use, beaten } = await open(t);
  await pass(10);
  assert.deepEqual(beats, [], 'nobody has touched it');
  await use();
  await pass(2);
  await beaten(1);
  await use();
  await pass(3);
  assert.deepEqual(beats, [200], 'not more often than every five minutes');
  await pass(3);
  await beaten(2);
  for (let quarter = 0; quarter < 6; quarter += 1) {
    const before = beats.length;
    await use();
    await pass(15);
    await eventually(() => beats.length > before);
  }
  // An access token that ran out is replaced on the way.
  const heard = beats.filter((status) => status === 200).length;
  assert.ok(heard >= 8 && heard <= 10, `${beats}`);
  assert.equal(await page.evaluate(async () => (await window.gatepass.getAccessToken({ forceRefresh: true })).type), 'DPoP');
  assert.deepEqual(await page.evaluate(() => [window.expiring, window.failures]), [[], []]);
});

test('a page that nobody touches is told when it ends, and that it has ended', { skip }, async (t) => {
  const { page, beats, pass, use, beaten } = await open(t);
  await use();
  await pass(2);
  await beaten(1);
  await pass(50);
  assert.deepEqual(await page.evaluate(() => window.expiring), []);
  await pass(6);
  assert.deepEqual(await page.evaluate(() => window.expiring), [5], 'five minutes before, once');
  await pass(9);
  await page.waitForFunction(() => window.told.includes('expired'));
  assert.equal(beats.length, 1);
  assert.equal(await page.evaluate(() => window.gatepass.getSession()), null);
});

test('a hidden page says nothing, and a page that is seen again speaks if it was used', { skip }, async (t) => {
  const { page, beats, pass, use, beaten } = await open(t);
  const hide = (state) => page.evaluate((state) => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
  }, state);
  await hide('hidden');
  await use();
  await pass(20);
  assert.deepEqual(beats, []);
  await hide('visible');
  await beaten(1);
});

test('a session that was revoked elsewhere ends at the next beat, and not for a server that fails', { skip }, async (t) => {
  const { authority, context, page, beats, pass, use } = await open(t);
  await context.route('**/session/heartbeat', (route) => route.fulfill({ status: 503 }), { times: 1 });
  await use();
  await pass(1);
  await page.waitForFunction(() => window.failures.length > 0);
  assert.deepEqual(await page.evaluate(() => [window.failures, window.told.at(-1)]), [['server_error'], 'error']);
  await page.evaluate(async (issuer) => {
    const response = await window.gatepass.fetch(`${issuer}/grants`, { method: 'DELETE' });
    if (!response.ok) throw new Error(response.status);
  }, authority.issuer);
  await pass(4);
  await page.waitForFunction(() => window.told.includes('revoked'));
  assert.equal(beats.at(-1), 401);
});

test('it can be turned off', { skip }, async (t) => {
  const { beats, pass, use } = await open(t, { heartbeat: false });
  await use();
  await pass(10);
  assert.deepEqual(beats, []);
});
