// Signing in in a window of its own: real Chromium, our own authority, and the headers that cut windows apart.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ready, signInAt, startApp } from './support/app.mjs';
import { chromiumMissing, openBrowser } from './support/chromium.mjs';
import { holdTime } from './support/site.mjs';
import { hurry, waitsForLock } from './support/tabs.mjs';
import { wwwMissing } from './support/tree.mjs';

const missing = chromiumMissing ?? wwwMissing;
const skip = missing && `${missing} is missing`;
const EMAIL = 'user@example.com';
const APART = { 'cross-origin-opener-policy': 'same-origin' };

async function open(t, wishes) {
  const app = await startApp(t, wishes);
  const { context } = await openBrowser(t);
  await context.addInitScript(() => {
    Object.defineProperty(BroadcastChannel.prototype, 'onmessage', {
      set(hear) {
        this.addEventListener('message', (event) => (window.asleep ? window.asleep.push(() => hear(event)) : hear(event)));
      },
    });
  });
  const page = await context.newPage();
  const exchanges = [];
  context.on('request', (request) => {
    if (new URL(request.url()).pathname === '/oauth/token') exchanges.push(request.frame().page() === page ? 'page' : 'popup');
  });
  await page.goto(app.origin);
  await ready(page);
  // A button, because only a click may open a window.
  await page.evaluate(() => {
    const button = document.createElement('button');
    button.textContent = 'Sign in';
    button.onclick = () => {
      window.giveUp = new AbortController();
      window.ended = undefined;
      window.gatepass.signInPopup({ signal: window.giveUp.signal }).then(({ claims }) => (window.ended = claims.email), ({ code }) => (window.ended = code));
    };
    document.body.append(button);
  });
  return Object.assign(app, { context, page, exchanges });
}

async function click({ context, page }) {
  const [popup] = await Promise.all([context.waitForEvent('page'), page.getByRole('button').click()]);
  await popup.waitForURL((url) => url.href !== 'about:blank');
  return popup;
}

const ended = async (page) => (await page.waitForFunction(() => window.ended)).jsonValue();
const told = (page) => page.evaluate(() => window.told);

for (const [name, headers] of [['without any policy', {}], ['with page and issuer cut apart by COOP', APART]]) {
  test(`signs in and closes, ${name}`, { skip }, async (t) => {
    const app = await open(t, { headers });
    const popup = await click(app);
    assert.equal(await popup.evaluate(() => window.opener), null);
    const closed = popup.waitForEvent('close');
    await signInAt(app.authority, popup);
    assert.equal(await ended(app.page), EMAIL);
    await closed;
    assert.deepEqual(await told(app.page), ['initial', `signedIn ${EMAIL}`]);
    assert.deepEqual(app.exchanges, ['page']);
    assert.deepEqual(await app.page.evaluate(async () => (await navigator.locks.query()).held), []);
  });
}

test('a page that keeps its session in memory signs in by a window', { skip }, async (t) => {
  const app = await open(t, { options: { storage: 'memory' } });
  const popup = await click(app);
  await signInAt(app.authority, popup);
  assert.equal(await ended(app.page), EMAIL);
  assert.equal(await app.page.evaluate(async () => (await window.gatepass.getAccessToken()).type), 'DPoP');
  // What waits for an issuer's answer lies on the disk, and is gone with the answer; no session ever does.
  const rows = await app.page.evaluate(async () => {
    const done = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
    const database = await done(indexedDB.open('gatepass'));
    return Promise.all(['sessions', 'pending'].map((name) => done(database.transaction(name).objectStore(name).count())));
  });
  assert.deepEqual(rows, [0, 0]);
});

test('if the page is gone, the window finishes by itself', { skip }, async (t) => {
  const app = await open(t, { headers: APART });
  const popup = await click(app);
  await app.page.close();
  await signInAt(app.authority, popup);
  await popup.waitForURL('**/callback');
  await ready(popup);
  assert.equal(await popup.evaluate(() => document.body.dataset.handled), 'signed-in');
  assert.deepEqual(app.exchanges, ['popup']);
});

test('if the page does not answer, the window finishes by itself, and the page hears of it', { skip }, async (t) => {
  const app = await open(t, { headers: APART });
  const popup = await click(app);
  // As in a tab that the browser has frozen: it holds its lock, and hears everything when it is woken.
  await app.page.evaluate(() => (window.asleep = []));
  await signInAt(app.authority, popup);
  await popup.waitForFunction(() => document.body?.dataset.handled === 'signed-in');
  await app.page.evaluate(() => {
    for (const hear of window.asleep.splice(0)) hear();
    window.asleep = undefined;
  });
  assert.equal(await ended(app.page), EMAIL);
  assert.deepEqual(app.exchanges, ['popup']);
});

test('if the page answers and then stops, the window does not wait for ever', { skip }, async (t) => {
  const app = await open(t);
  await holdTime(app.context);
  let arrived;
  const held = new Promise((arrive) => (arrived = arrive));
  await app.context.route('**/oauth/token', arrived, { times: 1 });
  const popup = await click(app);
  const closed = popup.waitForEvent('close');
  await signInAt(app.authority, popup);
  const route = await held;
  await waitsForLock(app.page, 1);
  assert.equal(await popup.evaluate(() => location.href), `${app.origin}/callback`, 'its address is clean while it waits');
  await hurry(popup);
  await closed;
  // It was only slow.
  await route.continue();
  assert.equal(await ended(app.page), EMAIL);
  assert.deepEqual(app.exchanges, ['page']);
});

test('what goes wrong is said on the page that waits', { skip }, async (t) => {
  const app = await open(t, { headers: APART });
  const popup = await click(app);
  // The issuer sends the person back with an error.
  app.idle = true;
  await signInAt(app.authority, popup);
  await popup.waitForURL('**/callback?*');
  app.idle = false;
  const url = new URL(popup.url());
  url.searchParams.delete('code');
  url.searchParams.set('error', 'access_denied');
  await popup.goto(url.href);
  assert.equal(await ended(app.page), 'access_denied');
  assert.deepEqual(await told(app.page), ['initial']);
});

test('a window that may not open is an error at once, and nothing was begun', { skip }, async (t) => {
  const app = await open(t);
  assert.equal(await app.page.evaluate(async () => {
    window.open = () => null;
    return window.gatepass.signInPopup().catch(({ code }) => code);
  }), 'popup_blocked');
});

test('a person who closes the window gives up on the page, and can begin again', { skip }, async (t) => {
  const app = await open(t, { headers: APART });
  const popup = await click(app);
  await popup.close();
  await app.page.evaluate(() => window.giveUp.abort());
  assert.equal(await ended(app.page), 'cancelled');
  assert.deepEqual(await app.page.evaluate(async () => (await navigator.locks.query()).held), []);
  const again = await click(app);
  await signInAt(app.authority, again);
  assert.equal(await ended(app.page), EMAIL);
});

test('a signal that is over before the window opens gives up at once', { skip }, async (t) => {
  const app = await open(t);
  await app.page.evaluate(() => {
    const { prototype } = BroadcastChannel;
    const { close } = prototype;
    prototype.close = function () {
      window.begun = true;
      return close.call(this);
    };
  });
  const opened = app.context.waitForEvent('page');
  assert.equal(await app.page.evaluate(() => window.gatepass.signInPopup({ signal: AbortSignal.abort() }).catch(({ code }) => code)), 'cancelled');
  const popup = await opened;
  if (!popup.isClosed()) await popup.waitForEvent('close');
  // What was under way comes to its end, and takes nothing with it.
  await app.page.waitForFunction(() => window.begun);
  await app.page.waitForFunction(async () => Object.values(await navigator.locks.query()).flat().length === 0);
});

test('a window that has nowhere to go is closed', { skip }, async (t) => {
  const app = await open(t);
  await app.context.route('**/.well-known/**', (route) => route.abort());
  const [popup] = await Promise.all([app.context.waitForEvent('page'), app.page.getByRole('button').click()]);
  assert.equal(await ended(app.page), 'unreachable');
  if (!popup.isClosed()) await popup.waitForEvent('close');
});
