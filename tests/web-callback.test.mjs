// Coming back from the issuer, in every way that a browser and a person make of it. Real Chromium, our own authority.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ready, signInAt, startApp } from './support/app.mjs';
import { chromiumMissing, openBrowser } from './support/chromium.mjs';
import { eventually } from './support/process.mjs';
import { wwwMissing } from './support/tree.mjs';

const missing = chromiumMissing ?? wwwMissing;
const skip = missing && `${missing} is missing`;
const EMAIL = 'user@example.com';

async function open(t, { app: wishes, browser } = {}) {
  const app = await startApp(t, wishes);
  const { context } = await openBrowser(t, undefined, browser);
  const exchanges = [];
  context.on('request', (request) => {
    if (new URL(request.url()).pathname === '/oauth/token') exchanges.push(request.postData());
  });
  const page = await context.newPage();
  await page.goto(app.origin);
  await ready(page);
  return Object.assign(app, { context, page, exchanges });
}

const begin = (page) => page.evaluate(() => void window.gatepass.signIn().catch((error) => (window.left = error.code)));
const state = (page) => page.evaluate(() => ({ ...document.body.dataset, search: location.search, told: window.told }));

/** Begins a sign-in and stops where the browser is sent home: gives the callback's address. */
async function caught(app, page, first) {
  app.idle = true;
  await begin(page);
  if (first) await signInAt(app.authority, page);
  await page.waitForURL('**/callback?*');
  app.idle = false;
  return page.url();
}

test('a callback that is handled twice is one sign-in, and its address is clean before the code is sent', { skip }, async (t) => {
  const { authority, context, page, exchanges } = await open(t);
  // As StrictMode does: both in one turn, and once more while the first is under way, with the address already clean.
  await context.addInitScript(() => {
    if (location.pathname !== '/callback') return;
    window.wishes = { logger: ({ call }) => call === 'callback' && (window.calls = (window.calls ?? 0) + 1) };
  });
  const addresses = [];
  await context.route('**/oauth/token', async (route) => {
    const [home] = context.pages().filter((open) => open.url().includes('/callback'));
    addresses.push(await home.evaluate(() => location.href));
    const results = home.evaluate(() => Promise.all([window.gatepass, window.gatepass].map((gatepass) => gatepass?.handleCallback())).catch(String));
    await route.continue();
    await results;
  });
  await begin(page);
  await signInAt(authority, page);
  await page.waitForURL('**/callback');
  await ready(page);
  assert.deepEqual(await state(page), { handled: 'signed-in', state: 'signed-in', search: '', told: ['initial', `signedIn ${EMAIL}`] });
  assert.equal(exchanges.length, 1);
  assert.deepEqual(addresses.map((address) => new URL(address).search), ['']);
  assert.equal(await page.evaluate(() => window.calls), 1);
  // After it is over there is no callback any more.
  assert.equal(await page.evaluate(() => window.gatepass.handleCallback()), null);
});

test('the same address given by hand, twice at once and once later, is one sign-in', { skip }, async (t) => {
  const app = await open(t);
  const { page, origin, exchanges } = app;
  const callback = await caught(app, page, true);
  await page.goto(origin);
  await ready(page);
  const emails = await page.evaluate(async (url) => {
    const both = await Promise.all([window.gatepass.handleCallback(url), window.gatepass.handleCallback(url)]);
    return [...both, await window.gatepass.handleCallback(url)].map((session) => session.claims.email);
  }, callback);
  assert.deepEqual(emails, [EMAIL, EMAIL, EMAIL]);
  assert.equal(exchanges.length, 1);
  // Another page knows nothing of it, and what was taken is gone.
  await page.reload();
  await ready(page);
  assert.equal(await page.evaluate((url) => window.gatepass.handleCallback(url), callback), null);
});

test('a state that nobody here began with is left to whoever it belongs to', { skip }, async (t) => {
  const { origin, page, exchanges } = await open(t);
  await page.goto(`${origin}/callback?code=theirs&state=theirs`);
  await ready(page);
  assert.deepEqual(await state(page), { handled: 'nothing', state: 'signed-out', search: '?code=theirs&state=theirs', told: ['initial'] });
  assert.equal(exchanges.length, 0);
});

test('two sessions of one client in one page do not take each other\'s callbacks', { skip }, async (t) => {
  const app = await open(t);
  const callback = await caught(app, app.page, true);
  await app.page.goto(app.origin);
  await ready(app.page);
  const emails = await app.page.evaluate(async ({ url, issuer }) => {
    const { createGatepass } = await import('/gatepass/gatepass.js');
    const other = await createGatepass({ issuer, clientId: 'app', redirectUri: `${location.origin}/callback`, idTokenAlg: 'ES256', session: 'other' });
    const results = await Promise.all([other.handleCallback(url), window.gatepass.handleCallback(url)]);
    return [...results, await other.getSession(), await window.gatepass.getSession()].map((session) => session?.claims.email ?? null);
  }, { url: callback, issuer: app.authority.issuer });
  assert.deepEqual(emails, [null, EMAIL, null, EMAIL]);
});

test('a callback that opens in another tab finishes there', { skip }, async (t) => {
  const app = await open(t);
  const callback = await caught(app, app.page, true);
  const other = await app.context.newPage();
  await other.goto(callback);
  await ready(other);
  assert.equal((await state(other)).handled, 'signed-in');
  await app.page.goto(app.origin);
  await ready(app.page);
  assert.equal((await state(app.page)).state, 'signed-in');
});

test('two tabs finish two sign-ins, and there is one session that works', { skip }, async (t) => {
  const app = await open(t);
  const { context, page, origin } = app;
  const first = await caught(app, page, true);
  const other = await context.newPage();
  await other.goto(origin);
  await ready(other);
  const second = await caught(app, other, false);
  assert.notEqual(new URL(first).searchParams.get('state'), new URL(second).searchParams.get('state'));
  await Promise.all([page.goto(first), other.goto(second)]);
  await Promise.all([ready(page), ready(other)]);
  assert.deepEqual([(await state(page)).handled, (await state(other)).handled], ['signed-in', 'signed-in']);
  const tokens = await Promise.all([page, other].map((tab) => tab.evaluate(async () => (await window.gatepass.getAccessToken({ forceRefresh: true })).type)));
  assert.deepEqual(tokens, ['DPoP', 'DPoP']);
  assert.equal(await page.evaluate(() => window.gatepass.signOut().then(({ revoked }) => revoked)), true);
  await other.waitForFunction(() => window.told.at(-1) === 'otherTab');
});

test('a reload in the middle of the exchange leaves a page that can sign in again', { skip }, async (t) => {
  const { authority, context, page, exchanges } = await open(t);
  let reached;
  const middle = new Promise((resolve) => (reached = resolve));
  await context.route('**/oauth/token', (route) => {
    // Nobody answers this one; the page goes away under it.
    reached();
    return new Promise(() => route);
  }, { times: 1 });
  await begin(page);
  await signInAt(authority, page);
  await middle;
  assert.equal(new URL(page.url()).search, '');
  await page.reload();
  await ready(page);
  assert.deepEqual(await state(page), { handled: 'nothing', state: 'signed-out', search: '', told: ['initial'] });
  // The issuer still knows the browser.
  await begin(page);
  await page.waitForFunction(() => window.told?.length > 1);
  assert.equal((await state(page)).state, 'signed-in');
  assert.equal(exchanges.length, 2);
});

test('what the issuer refuses with is an error once, and a clean address', { skip }, async (t) => {
  const app = await open(t);
  const url = new URL(await caught(app, app.page, true));
  url.searchParams.delete('code');
  url.searchParams.set('error', 'access_denied');
  await app.page.goto(url.href);
  await ready(app.page);
  assert.deepEqual(await state(app.page), { handled: 'access_denied', state: 'signed-out', search: '', told: ['initial'] });
});

test('whoever comes back by the back button without signing in hears of it', { skip }, async (t) => {
  const { page } = await open(t, { browser: { backForwardCache: true } });
  await page.evaluate(() => (window.same = true));
  await begin(page);
  await page.locator('#email').waitFor();
  // A page that was kept is not loaded again.
  await page.goBack({ waitUntil: 'commit' });
  await page.waitForFunction(() => window.left);
  assert.deepEqual(await page.evaluate(() => [window.left, window.same]), ['navigated_back', true]);
  assert.deepEqual((await state(page)).told, ['initial']);
  await begin(page);
  await page.locator('#email').waitFor();
});

test('whoever comes back by the back button sees what another tab did meanwhile', { skip }, async (t) => {
  const { authority, context, page, origin } = await open(t, { browser: { backForwardCache: true } });
  await begin(page);
  await page.locator('#email').waitFor();
  const other = await context.newPage();
  await other.goto(origin);
  await ready(other);
  await begin(other);
  await signInAt(authority, other);
  await other.waitForURL('**/callback');
  await ready(other);
  await page.goBack({ waitUntil: 'commit' });
  await page.waitForFunction((email) => window.told?.at(-1)?.endsWith(email), EMAIL);
});
