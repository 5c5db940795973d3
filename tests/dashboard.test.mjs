// A person at the dashboard: real Chromium, our own authority, the package as it is shipped.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startAuthority } from './support/authority.mjs';
import { chromiumMissing, close, openBrowser } from './support/chromium.mjs';
import { eventually } from './support/process.mjs';
import { searchFiles } from './support/terminal.mjs';
import { wwwMissing } from './support/tree.mjs';

const missing = chromiumMissing ?? wwwMissing;
const skip = missing && `${missing} is missing`;
const EMAIL = 'user@example.com';

/** Every token that the server gave to this browser, read on its way: a page that moves on takes its answers along. */
async function listen(context) {
  const issued = [];
  const requests = [];
  await context.route('**/oauth/token', async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    for (const name of ['access_token', 'refresh_token', 'id_token']) if (body[name]) issued.push(body[name]);
    requests.push(response.status());
    await route.fulfill({ response });
  });
  return { issued, requests };
}

/** Signs in by the link in the mail, in the browser that asked. */
async function signIn(authority, page) {
  await page.locator('#sign-in').click();
  await page.locator('#email').fill(EMAIL);
  await page.locator('#continue').click();
  await page.locator('#enter-code').waitFor();
  await page.goto((await authority.letter(EMAIL)).link);
  await page.locator('#open-link #sign-in').click();
  await signedIn(page);
}

const signedIn = (page) => page.waitForFunction(() => document.body?.dataset.state === 'signed-in');
const signedOut = (page) => page.waitForFunction(() => document.body?.dataset.state === 'signed-out');

async function dashboard(t) {
  const authority = await startAuthority(t, { www: true });
  const { context, profile } = await openBrowser(t);
  const heard = await listen(context);
  const page = await context.newPage();
  const troubles = [];
  page.on('pageerror', (error) => troubles.push(String(error)));
  await page.goto(`${authority.issuer}/dashboard/`);
  await signedOut(page);
  return { authority, context, profile, page, heard, troubles };
}

/** Moves the clock of the server, and of the pages that are opened from now on. */
async function later(authority, context, seconds) {
  authority.later(seconds);
  await context.addInitScript((offset) => {
    const now = Date.now.bind(Date);
    Date.now = () => now() + offset * 1000;
  }, seconds);
}

/** Asks a page for its token, through the facade, as a dashboard of anybody would. */
function token(page, options) {
  return page.evaluate(async (wishes) => {
    const { openSite } = await import('./site.js');
    globalThis.site ??= await openSite();
    const { value, expiresAt } = await globalThis.site.getAccessToken(wishes);
    return { value, expiresAt };
  }, options);
}

test('signs in, survives a reload, refreshes, and signs out at the server too', { skip }, async (t) => {
  const { authority, context, profile, page, heard, troubles } = await dashboard(t);
  await signIn(authority, page);
  assert.equal(await page.locator('#account').textContent(), EMAIL);
  assert.match(await page.locator('#bound').textContent(), /Bound to a key/);
  assert.match(await page.locator('#countdown').textContent(), /Next refresh in \d+:\d\d/);
  assert.equal(new URL(page.url()).search, '', 'the address is clean');

  await page.reload();
  await signedIn(page);
  assert.equal(heard.requests.length, 1, 'a reload asks the server for nothing');
  const first = await token(page);

  await later(authority, context, 3601);
  await page.reload();
  await signedIn(page);
  const second = await token(page);
  assert.notEqual(second.value, first.value);
  assert.equal(heard.requests.length, 2);
  assert.equal(heard.issued.includes(second.value), true);

  const before = heard.issued.length;
  await page.locator('#details summary').click();
  await page.locator('#refresh').click();
  await eventually(() => heard.issued.length > before);
  assert.equal(heard.requests.length, 3);
  const refreshToken = heard.issued.findLast((value) => value.startsWith('gpr_'));

  await page.locator('#sign-out').click();
  await signedOut(page);
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken, client_id: 'gatepass-dashboard' });
  const refused = await fetch(`${authority.issuer}/oauth/token`, { method: 'POST', body });
  assert.equal(refused.status, 400);
  await page.reload();
  await signedOut(page);
  // Whoever sits down here next is asked who they are.
  await page.locator('#sign-in').click();
  await page.locator('#email').waitFor();

  assert.deepEqual(troubles, []);
  assert.equal(heard.issued.length >= 8, true, `${heard.issued.length} tokens were issued`);
  await close(context, profile);
  assert.deepEqual(searchFiles(profile, heard.issued), [], 'no token stands in plain text in the profile folder');
});

const DEAF = {
  'everything lost': (context) => context.setOffline(true),
  'the browser kept': (context) => context.route('**/session', (route) => route.abort()),
  'the grant kept': (context) => context.route('**/oauth/revoke', (route) => route.abort()),
};
for (const [what, deafen] of Object.entries(DEAF)) {
  test(`a sign-out says so if the server does not hear all of it: ${what}`, { skip }, async (t) => {
    const { authority, context, page } = await dashboard(t);
    await signIn(authority, page);
    await deafen(context);
    await page.locator('#sign-out').click();
    await signedOut(page);
    await page.locator('#state', { hasText: 'The server could not be told.' }).waitFor();
    assert.match(await page.locator('#why').textContent(), /^The server may still know this browser/);
  });
}

test('nothing secret stands in the profile folder while signed in', { skip }, async (t) => {
  const { authority, context, profile, page, heard } = await dashboard(t);
  await signIn(authority, page);
  await close(context, profile);
  assert.equal(heard.issued.length, 3);
  assert.deepEqual(searchFiles(profile, heard.issued), []);
  // The browser starts again and the session is there.
  const again = await openBrowser(t, profile);
  const restored = await again.context.newPage();
  await restored.goto(`${authority.issuer}/dashboard/`);
  await signedIn(restored);
  assert.equal(await restored.locator('#account').textContent(), EMAIL);
});

test('tabs with an expired token make one refresh between them', { skip }, async (t) => {
  const { authority, context, page, heard } = await dashboard(t);
  await signIn(authority, page);
  // A page that stays would go on in the old time: two clocks in one browser, which no machine has.
  await page.close();
  await later(authority, context, 3601);
  const before = heard.requests.length;
  // Each asks for its lists at once, and so for a token.
  const tabs = await Promise.all(Array.from({ length: 6 }, () => context.newPage()));
  await Promise.all(tabs.map((tab) => tab.goto(`${authority.issuer}/dashboard/`).then(() => signedIn(tab))));
  const tokens = await Promise.all(tabs.map((tab) => token(tab)));
  assert.equal(new Set(tokens.map(({ value }) => value)).size, 1, 'every tab has the same token');
  assert.equal(heard.requests.length - before, 1);

  // What one tab does, the others learn.
  await tabs[0].locator('#sign-out').click();
  await Promise.all(tabs.map(signedOut));
});

test('signing out everywhere asks first, and ends every browser of the account', { skip }, async (t) => {
  const { authority, page } = await dashboard(t);
  await signIn(authority, page);
  const there = await (await openBrowser(t)).context.newPage();
  await there.goto(`${authority.issuer}/dashboard/`);
  await signedOut(there);
  await signIn(authority, there);
  // Which one is which: two of one name differ by where they are.
  await there.locator('#grants li', { hasText: 'This browser' }).getByText('In Chrome on Linux, bound to its key').waitFor();

  await page.locator('#everywhere').click();
  await page.locator('#grants .asks button', { hasText: 'Cancel' }).click();
  assert.equal(await page.locator('#everywhere').evaluate((button) => button === document.activeElement), true);
  await page.locator('#everywhere').click();
  await page.locator('#grants .asks .danger').click();
  await signedOut(page);
  await there.locator('#details summary').click();
  await there.locator('#refresh').click();
  await signedOut(there);
  // The authority does not know the other browser any more either.
  await there.locator('#sign-in').click();
  await there.locator('#email').waitFor();
});

test('what an account was shown leaves the page with it', { skip }, async (t) => {
  const { authority, page } = await dashboard(t);
  await signIn(authority, page);
  await page.locator('#grants li', { hasText: 'This browser' }).waitFor();
  await page.locator('#tokens .list > p', { hasNotText: 'Loading' }).waitFor();
  await page.locator('#sign-out').click();
  await signedOut(page);
  assert.deepEqual(new Set(await page.locator('.list').evaluateAll((lists) => lists.map(({ innerHTML }) => innerHTML))), new Set(['']));
});

test('the keys of a session cannot be taken out of the page', { skip }, async (t) => {
  const { authority, page } = await dashboard(t);
  await signIn(authority, page);
  const keys = await page.evaluate(async () => {
    const opened = (request) => new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    const database = await opened(indexedDB.open('gatepass'));
    const [row] = await opened(database.transaction('sessions').objectStore('sessions').getAll());
    database.close();
    const found = [];
    for (const value of Object.values(row)) {
      if (!(value instanceof CryptoKey)) continue;
      const exported = await crypto.subtle.exportKey(value.type === 'secret' ? 'raw' : 'pkcs8', value).then(() => true, () => false);
      found.push({ algorithm: value.algorithm.name, extractable: value.extractable, exported });
    }
    return found.sort((one, other) => one.algorithm.localeCompare(other.algorithm));
  });
  assert.deepEqual(keys, [
    { algorithm: 'AES-GCM', extractable: false, exported: false },
    { algorithm: 'ECDSA', extractable: false, exported: false },
  ]);
});

test('an answer that belongs to no sign-in of this browser is refused, in words', { skip }, async (t) => {
  const { authority, page } = await dashboard(t);
  const query = new URLSearchParams({ code: 'x', state: 'y', iss: authority.issuer });
  await page.goto(`${authority.issuer}/dashboard/callback.html?${query}`);
  await page.locator('#error:not([hidden])').waitFor();
  assert.equal(await page.locator('#error').getAttribute('data-code'), 'state_mismatch');
  await page.goto(`${authority.issuer}/dashboard/`);
  await signIn(authority, page);
});

test('a row that cannot be read keeps nobody from signing in again', { skip }, async (t) => {
  const { authority, page } = await dashboard(t);
  await signIn(authority, page);
  await page.evaluate(async () => {
    const done = (request) => new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    const database = await done(indexedDB.open('gatepass'));
    const rows = database.transaction('sessions', 'readwrite').objectStore('sessions');
    const [[key], [row]] = await Promise.all([done(rows.getAllKeys()), done(rows.getAll())]);
    const bytes = new Uint8Array(row.access.buffer ?? row.access);
    bytes[bytes.length - 1] ^= 1;
    await done(rows.put({ ...row, access: row.access.buffer ? bytes : bytes.buffer }, key));
    database.close();
  });
  await page.reload();
  await signedOut(page);
  // The authority still knows this browser, so the button alone is enough.
  await page.locator('#sign-in').click();
  await signedIn(page);
  assert.equal(await page.locator('#account').textContent(), EMAIL);
});
