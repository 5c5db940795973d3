// The facade as it is shipped: what it takes, where it loads, what it tells, and what it leaves behind.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { makeEndpoint } from '../www/shared/metadata.js';
import { makeTokens } from '../www/shared/tokens.js';
import { listen, ready, signInAt, startApp } from './support/app.mjs';
import { chromiumMissing, openBrowser } from './support/chromium.mjs';
import { inTree, WWW, wwwMissing } from './support/tree.mjs';

const missing = chromiumMissing ?? wwwMissing;
const skip = missing && `${missing} is missing`;
const EMAIL = 'user@example.com';
const entry = resolve(WWW, 'web/gatepass.js');

async function open(t, wishes) {
  const app = await startApp(t, wishes);
  const { context } = await openBrowser(t);
  const page = await context.newPage();
  await page.goto(app.origin);
  await ready(page);
  return Object.assign(app, { context, page });
}

async function enter({ authority, page }) {
  await page.evaluate(() => void window.gatepass.signIn());
  await signInAt(authority, page);
  await page.waitForURL('**/callback');
  await ready(page);
}

const told = (page) => page.evaluate(() => window.told);

test('a server may import it', { skip: !existsSync(entry) && skip }, () => {
  // No word of a browser's is there, not even those that Node has too.
  const code = `
    for (const name of ['crypto', 'fetch', 'BroadcastChannel', 'WebAssembly', 'navigator', 'performance']) delete globalThis[name];
    const { createGatepass, GatepassError } = await import(${JSON.stringify(entry)});
    const error = await createGatepass({ issuer: 'https://id.example', clientId: 'a', redirectUri: 'https://app.example/' }).catch((error) => error);
    console.log(error instanceof GatepassError, error.code, error.detail);`;
  assert.equal(execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }).trim(), 'true configuration secure_context');
});

test('options are judged before anything is loaded, and the fault is named', { skip: !existsSync(entry) && skip }, async () => {
  const { createGatepass, GatepassError } = await import(entry);
  const good = { issuer: 'https://id.example', clientId: 'app', redirectUri: 'https://app.example/' };
  const faults = {
    issuer: undefined, clientId: 7, redirectUri: null, scope: [], storage: 'cookies', apiOrigins: ['https://api.example/path'], heartbeat: 'yes', open: 'tab', apiOrigin: 'https://api.example',
  };
  for (const [name, value] of Object.entries(faults)) {
    const options = { ...good, [name]: value };
    if (value === undefined) delete options[name];
    await assert.rejects(createGatepass(options), { code: 'configuration', detail: name });
  }
  await assert.rejects(createGatepass(), { code: 'configuration', detail: 'issuer' });
  for (const name of ['issuer', 'clientId', 'redirectUri']) {
    for (const value of [undefined, '']) await assert.rejects(createGatepass({ ...good, [name]: value }), { code: 'configuration', detail: name });
  }
  // Only what an origin is written as, and nowhere that others could listen on the way.
  for (const origin of ['null', 'api.example', 'https://api.example/', 'https://API.example', 'https://api.example:443', 'https://me@api.example', 'https://api.example?', 'http://api.example', 'http://localhost.api.example', 'ftp://127.0.0.1']) {
    await assert.rejects(createGatepass({ ...good, apiOrigins: ['https://good.example', 'http://localhost:8080', origin] }), { detail: 'apiOrigins' }, origin);
  }
  await assert.rejects(createGatepass({ ...good, apiOrigins: 7 }), ({ detail, hint }) => detail === 'apiOrigins' && /without a path/.test(hint));
  for (const detail of ['secure_context', 'issuer', 'redirectUri']) assert.match(new GatepassError('configuration', { detail }).hint, /https/);
  assert.match(new GatepassError('configuration', { detail: 'scope' }).hint, /`openid`/);
  for (const detail of ['constructor', undefined]) assert.equal(new GatepassError('configuration', { detail }).hint, 'check the options of createGatepass');
});

test('a code that nobody has words for is an error all the same', { skip: !existsSync(entry) && skip }, async () => {
  const { GatepassError } = await import(entry);
  for (const code of ['constructor', '__proto__', 'toString', 'strange']) assert.deepEqual([new GatepassError(code).code, new GatepassError(code).message], [code, 'the server refused']);
});

test('a token shows its value nowhere but there', async () => {
  const core = async () => ({ value: 'secret', type: 'Bearer', expiresAt: 1 });
  const token = await makeTokens(core, { look() {} }).get();
  assert.deepEqual([token.value, `${token}`, JSON.stringify({ token })], ['secret', '[redacted]', '{"token":"[redacted]"}']);
  assert.throws(() => (token.toString = () => token.value), TypeError);
});

test('what the issuer says of itself is believed only from itself, and leads nowhere that others could listen', async (t) => {
  let metadata;
  const issuer = await listen(t, (_, response) => response.end(JSON.stringify(metadata)));
  const ask = (address) => {
    metadata = { issuer, place: address };
    return makeEndpoint(issuer)('place');
  };
  for (const good of ['https://id.example/x', 'http://127.0.0.1:8080/x', 'http://localhost/x', 'http://[::1]:1/x']) assert.equal(await ask(good), good);
  for (const bad of ['http://id.example/x', 'http://localhost.example/x', 'http://127.0.0.1.example/', 'javascript:alert(1)', ' https://id.example', 'ftp://localhost/', 7, null, undefined]) {
    assert.equal(await ask(bad), undefined, String(bad));
  }
  for (const other of [`${issuer}/`, 'https://id.example', undefined, null]) {
    metadata = { issuer: other, place: 'https://id.example/x' };
    await assert.rejects(makeEndpoint(issuer)('place'), { code: 'issuer_mismatch' }, String(other));
  }
});

test('the core judges the rest of the options, and the wasm part may come from anywhere', { skip }, async (t) => {
  const { page } = await open(t);
  const results = await page.evaluate(async () => {
    const bytes = await (await fetch('/gatepass/gatepass_web_bg.wasm')).arrayBuffer();
    const good = { issuer: 'https://id.example', clientId: 'a', redirectUri: `${location.origin}/callback` };
    const attempt = async (number, options) => {
      // Each in a module of its own, because the first to load the wasm decides for all.
      const { createGatepass } = await import(`/gatepass/gatepass.js?${number}`);
      return createGatepass({ ...good, ...options }).then(() => 'fine', ({ code, detail }) => `${code} ${detail}`);
    };
    return [
      await attempt(1, { issuer: 'ftp://x' }), await attempt(1, { dpop: 'maybe' }), await attempt(1, { redirectUri: 'http://app.example/' }), await attempt(1, { idTokenAlg: 'HS256' }), await attempt(1, {}),
      await attempt(2, { wasm: new URL('/gatepass/gatepass_web_bg.wasm', location.href) }),
      await attempt(3, { wasm: new Response(bytes) }),
      await attempt(4, { wasm: await WebAssembly.compile(bytes) }),
      await attempt(5, { wasm: fetch('/gatepass/gatepass_web_bg.wasm') }),
      await attempt(6, { wasm: new Response('no wasm') }), await attempt(6, {}),
      // Where it comes back, this page's sign-ins are not known.
      await (await import('/gatepass/gatepass.js')).createGatepass({ ...good, redirectUri: `http://localhost:${location.port}/callback` })
        .then((elsewhere) => elsewhere.signIn()).catch(({ code, detail }) => `${code} ${detail}`),
    ];
  });
  assert.deepEqual(results, ['configuration issuer', 'configuration dpop', 'configuration redirectUri', 'configuration idTokenAlg', 'fine', 'fine', 'fine', 'fine', 'fine', 'unsupported_browser undefined', 'fine', 'configuration redirectUri']);
});

test('works in a service worker, with the session of its pages', { skip }, async (t) => {
  const app = await open(t);
  await enter(app);
  const ask = (options) => app.page.evaluate(async (options) => {
    await navigator.serviceWorker.register('/worker.js', { type: 'module' });
    const { active } = await navigator.serviceWorker.ready;
    const channel = new MessageChannel();
    active.postMessage(options, [channel.port2]);
    return new Promise((resolve) => (channel.port1.onmessage = ({ data }) => resolve(data)));
  }, options);
  const options = { issuer: app.authority.issuer, clientId: 'app', redirectUri: `${app.origin}/callback`, idTokenAlg: 'ES256' };
  const answer = await ask(options);
  assert.deepEqual([answer.session.claims.email, answer.token, answer.signIn], [EMAIL, 'DPoP', 'configuration open'], JSON.stringify(answer));
});

test('listeners are told after the fact, each on its own, until they or the facade end', { skip }, async (t) => {
  const app = await open(t);
  await enter(app);
  const heard = await app.page.evaluate(async () => {
    const { gatepass } = window;
    const heard = [];
    const faults = [];
    addEventListener('error', (event) => (event.preventDefault(), faults.push(event.message)));
    gatepass.on('session', () => {
      throw new Error('mine alone');
    });
    gatepass.on('session', async () => {
      // A call from a listener waits for nothing that waits for the listener.
      heard.push(`async ${(await gatepass.getSession())?.claims.email}`);
    });
    const off = gatepass.on('session', ({ reason }) => heard.push(reason));
    heard.push('before');
    await gatepass.getAccessToken({ forceRefresh: true });
    off();
    off();
    await gatepass.getAccessToken({ forceRefresh: true });
    await gatepass[Symbol.asyncDispose]();
    await gatepass.getAccessToken({ forceRefresh: true });
    await gatepass.getSession();
    return { heard, faults };
  });
  assert.deepEqual(heard.heard.filter((line) => !line.startsWith('async')), ['before', 'initial', 'refreshed']);
  assert.equal(heard.heard.filter((line) => line === `async ${EMAIL}`).length, 3);
  assert.equal(heard.faults.length, 3);
  assert.match(heard.faults[0], /mine alone/);
});

test('a storm of words from other tabs is one look, and holds nobody up', { skip }, async (t) => {
  const app = await open(t);
  await enter(app);
  const looks = await app.page.evaluate(async ({ issuer }) => {
    const { createGatepass } = await import('/gatepass/gatepass.js');
    window.looks = 0;
    const logger = ({ call }) => void (window.looks += call === 'look');
    const gatepass = await createGatepass({ issuer, clientId: 'app', redirectUri: `${location.origin}/callback`, idTokenAlg: 'ES256', logger });
    const { id } = await gatepass.getSession();
    const before = window.looks;
    const channel = new BroadcastChannel(`gatepass:${id}`);
    for (let word = 0; word < 5000; word += 1) channel.postMessage({ session: id, generation: word, kind: 'refreshed' });
    const over = new Promise((resolve) => gatepass.on('session', ({ reason }) => reason === 'signedOut' && resolve()));
    await gatepass.signOut();
    await over;
    const during = window.looks - before;
    window.looks = 0;
    // A word that comes later is heard still.
    channel.postMessage({ session: id, generation: 0, kind: 'refreshed' });
    return during;
  }, { issuer: app.authority.issuer });
  assert.equal(looks < 100, true, `${looks} looks`);
  await app.page.waitForFunction(() => window.looks > 0);
});

test('a page that keeps its session in memory keeps it nowhere else', { skip }, async (t) => {
  const app = await open(t, { options: { storage: 'memory' } });
  await enter(app);
  assert.equal(await app.page.evaluate(() => document.body.dataset.state), 'signed-in');
  assert.equal(await app.page.evaluate(async () => (await window.gatepass.getAccessToken({ forceRefresh: true })).type), 'DPoP');
  const rows = () => app.page.evaluate(async () => {
    const done = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
    const database = await done(indexedDB.open('gatepass'));
    return done(database.transaction('sessions').objectStore('sessions').count());
  });
  assert.equal(await rows(), 0);
  await app.page.reload();
  await ready(app.page);
  assert.equal(await app.page.evaluate(() => document.body.dataset.state), 'signed-out');
});

test('a browser that keeps nothing says so, and the session lives as long as the page', { skip }, async (t) => {
  const app = await startApp(t);
  const { context } = await openBrowser(t);
  await context.addInitScript(() => {
    IDBFactory.prototype.open = () => {
      throw new DOMException('no', 'SecurityError');
    };
  });
  const page = await context.newPage();
  await page.goto(app.origin);
  await ready(page);
  assert.equal(await page.evaluate(() => window.gatepass.signIn().catch(({ code }) => code)), 'store_unavailable', 'the page must not be left');
  assert.equal((await told(page)).includes('storageDegraded'), true);
  assert.equal(await page.evaluate(() => new Promise((resolve) => window.gatepass.on('storageDegraded', ({ reason }) => resolve(reason)))), 'store_unavailable');
});

test('a session that cannot be read now is not over, and nobody signs in over it', { skip }, async (t) => {
  const app = await open(t);
  await enter(app);
  const lost = await app.page.evaluate(async () => {
    localStorage.clear();
    const [own, { transaction }] = [IDBFactory.prototype.open, IDBDatabase.prototype];
    IDBFactory.prototype.open = IDBDatabase.prototype.transaction = () => {
      throw new DOMException('gone', 'UnknownError');
    };
    try {
      const calls = ['signOut', 'getSession', 'getAccessToken', 'signIn'];
      return await Promise.all(calls.map((call) => window.gatepass[call]().catch(({ code }) => code)));
    } finally {
      IDBFactory.prototype.open = own;
      IDBDatabase.prototype.transaction = transaction;
    }
  });
  assert.deepEqual(lost, Array(4).fill('store_unavailable'));
  assert.equal(app.authority.count('POST /oauth/revoke', 200), 0);
  assert.deepEqual(await told(app.page), ['initial', `signedIn ${EMAIL}`]);
  assert.equal(await app.page.evaluate(async () => (await window.gatepass.getSession()).claims.email), EMAIL);
  assert.deepEqual(await app.page.evaluate(() => window.gatepass.signOut()), { revoked: true });
  assert.equal(app.authority.count('POST /oauth/revoke', 200), 1);
});

test('a session that the browser lost is told as that, once', { skip }, async (t) => {
  const app = await open(t);
  await enter(app);
  await app.page.goto(`${app.origin}/gatepass/gatepass.js`);
  await app.page.evaluate(() => new Promise((resolve) => (indexedDB.deleteDatabase('gatepass').onsuccess = resolve)));
  await app.page.goto(app.origin);
  await ready(app.page);
  assert.deepEqual(await told(app.page), ['initial', 'evicted']);
  await app.page.reload();
  await ready(app.page);
  assert.deepEqual(await told(app.page), ['initial']);
});

test('signing out ends it here first, and everywhere if that is wished', { skip }, async (t) => {
  const app = await open(t);
  await enter(app);
  const other = await openBrowser(t);
  const elsewhere = await other.context.newPage();
  await elsewhere.goto(app.origin);
  await ready(elsewhere);
  await elsewhere.evaluate(() => void window.gatepass.signIn());
  await signInAt(app.authority, elsewhere);
  await elsewhere.waitForURL('**/callback');
  await ready(elsewhere);
  assert.deepEqual(await app.page.evaluate(() => window.gatepass.signOut({ everywhere: true })), { revoked: true });
  assert.equal(await elsewhere.evaluate(() => window.gatepass.getAccessToken({ forceRefresh: true }).catch(({ code }) => code)), 'session_ended');
  assert.deepEqual(await elsewhere.evaluate(() => window.told.at(-1)), 'expired');
  // Without a network it is over here all the same.
  await enter(app);
  await app.context.setOffline(true);
  assert.deepEqual(await app.page.evaluate(() => window.gatepass.signOut({ everywhere: true })), { revoked: false });
  assert.equal(await app.page.evaluate(() => window.gatepass.getSession()), null);
});

test('signing out at the issuer too asks there, and comes back', { skip }, async (t) => {
  const app = await open(t, { client: ({ origin }) => `post_logout_redirect_uris = ['${origin}/bye']` });
  await enter(app);
  await app.page.evaluate(() => void window.gatepass.signOut({ returnTo: `${location.origin}/bye` }));
  await app.page.waitForURL('**/logout?*');
  const { searchParams } = new URL(app.page.url());
  assert.deepEqual(Object.fromEntries(searchParams), { client_id: 'app', post_logout_redirect_uri: `${app.origin}/bye` });
  await app.page.locator('#logout #sign-out').click();
  await app.page.waitForURL(`${app.origin}/bye`);
  await ready(app.page);
  assert.equal(await app.page.evaluate(() => document.body.dataset.state), 'signed-out');
  // The issuer has forgotten this browser too.
  await app.page.evaluate(() => void window.gatepass.signIn());
  await app.page.locator('#email').waitFor();
});

test('a sign-in leaves by any way that is given, and ends with the address that it gives back', { skip }, async (t) => {
  const app = await open(t);
  await enter(app);
  // As an extension's flow does: the issuer knows this browser, and another page of it comes back with the address.
  app.idle = true;
  await app.page.exposeFunction('flow', async (url) => {
    const window = await app.context.newPage();
    await window.goto(url);
    await window.waitForURL('**/callback?*');
    return window.url();
  });
  const email = await app.page.evaluate(async ({ issuer }) => {
    const { createGatepass } = await import('/gatepass/gatepass.js');
    const open = (url) => window.flow(url);
    const other = await createGatepass({ issuer, clientId: 'app', redirectUri: `${location.origin}/callback`, scope: 'openid email', idTokenAlg: 'ES256', session: 'other', open });
    return [(await other.signIn()).claims.email, (await window.gatepass.getSession()).claims.email];
  }, { issuer: app.authority.issuer });
  assert.deepEqual(email, [EMAIL, EMAIL]);
});

test('a report holds no name, no address and no token', { skip }, async (t) => {
  const app = await open(t);
  await enter(app);
  const { value } = await app.page.evaluate(async () => ({ value: (await window.gatepass.getAccessToken()).value }));
  for (let call = 0; call < 9; call += 1) await app.page.evaluate((force) => window.gatepass.getAccessToken({ forceRefresh: force }), call === 8);
  const report = await app.page.evaluate(() => window.gatepass.diagnostics());
  assert.equal(report.transcripts.length, 8);
  assert.match(report.transcripts.at(-1), /^gatepass transcript 1\n0s access min_ttl=30s force\n[^]*\n\ds < sent 200 [^]*\n\ds = token=DPoP /);
  const version = /^version = "(.*)"$/m.exec(readFileSync(inTree('Cargo.toml'), 'utf8'))[1];
  assert.deepEqual([report.version, report.storage.kind, report.session.bound, report.browser.locks], [version, 'indexeddb', true, true]);
  for (const secret of [value, EMAIL, app.origin, app.authority.issuer, '127.0.0.1']) assert.equal(JSON.stringify(report).includes(secret), false, secret);
});
