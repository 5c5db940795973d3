// The example extension in real Chromium: its worker, its popup, our own authority.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { chromiumMissing } from './support/chromium.mjs';
import { EMAIL, finish, idOf, issuerPage, letters, prove, signedIn, signedOut, startExtension } from './support/extension.mjs';
import { cleanUp, eventually } from './support/process.mjs';
import { WWW, wwwMissing } from './support/tree.mjs';

const missing = chromiumMissing ?? wwwMissing;
const skip = missing && `${missing} is missing`;

for (const flow of ['identity', 'tab']) {
  test(`signs in by ${flow}, shows the account, and signs out`, { skip }, async (t) => {
    const { authority, context, popup, gate } = await startExtension(t, { flow });
    const page = await popup();
    await signedOut(page);
    await finish(authority, context, () => page.locator('#sign-in').click());
    await signedIn(page);
    assert.equal(await page.locator('#account').textContent(), EMAIL);
    assert.match(await page.locator('#bound').textContent(), /Bound to a key/);
    await page.locator('#sign-out').click();
    await signedOut(page);
    assert.equal(gate.count(/revoke/), 1);
  });
}

const DISCOVERY = /openid-configuration$/;
const TOKEN = /\/oauth\/token$/;

/** Where a worker may be stopped in a sign-in: before the step's request has reached the issuer, or before its answer. */
const STEPS = {
  'before the sign-in is kept': { path: DISCOVERY },
  'when it is kept and the window has no page yet': { path: /\/authorize$/, before: true },
  'with the code on its way to the issuer': { path: TOKEN, before: true, proven: true },
  'with the tokens on their way back': { path: TOKEN, proven: true },
  'with the tokens there and not saved': { path: /jwks/, proven: true },
};

/**
 * Proves who it is in a window whose worker was stopped. Chromium closes the one of `launchWebAuthFlow` now and then when
 * its worker goes so early: then the person is told so, and begins again.
 */
async function proveIn(window, { authority, context, page, begin }) {
  const proven = await prove(authority, window).then(() => true, (error) => {
    if (!window.isClosed()) throw error;
  });
  if (proven) return;
  await page.locator('#error[data-code="cancelled"]').waitFor();
  await finish(authority, context, begin);
}

for (const flow of ['identity', 'tab']) {
  for (const [step, { path, before, proven }] of Object.entries(STEPS)) {
    test(`sign-in by ${flow}: the worker is stopped ${step}`, { skip }, async (t) => {
      const { authority, context, popup, gate, stop } = await startExtension(t, { flow });
      const page = await popup();
      await signedOut(page);
      const hold = gate.hold(path, { before });
      const window = proven ? undefined : context.waitForEvent('page');
      const begin = () => page.locator('#sign-in').click();
      if (proven) await finish(authority, context, begin);
      else await begin();
      await hold.arrived;
      await stop();
      hold.release();
      if (window) await proveIn(await window, { authority, context, page, begin });
      await signedIn(page);
      await unstuck(page, context, gate);
    });
  }

  test(`sign-in by ${flow}: the worker is stopped while the person is at the issuer`, { skip }, async (t) => {
    const { authority, context, popup, gate, stop } = await startExtension(t, { flow });
    const page = await popup();
    const window = await issuerPage(context, () => page.locator('#sign-in').click());
    // A popup does not outlive the window that takes its focus.
    await page.close();
    await window.locator('#email').waitFor();
    await stop();
    await prove(authority, window);
    const again = await popup();
    await signedIn(again);
    await unstuck(again, context, gate);
  });
}

test('sign-in by identity: the tab of the letter goes nowhere, and says where to go', { skip }, async (t) => {
  const { authority, context, popup } = await startExtension(t);
  const page = await popup();
  await signedOut(page);
  const window = await issuerPage(context, () => page.locator('#sign-in').click());
  const letter = await prove(authority, window);
  await letter.locator('#go-back').waitFor();
  assert.equal(new URL(letter.url()).origin, authority.issuer);
  await signedIn(page);
});

test('with nobody there to ask, an alarm starts the next worker, which ends the sign-in', { skip }, async (t) => {
  const { authority, context, popup, gate, stop } = await startExtension(t);
  const page = await popup();
  const hold = gate.hold(TOKEN, { before: true });
  await finish(authority, context, () => page.locator('#sign-in').click());
  await hold.arrived;
  await page.close();
  await stop();
  hold.release();
  // In half a minute at most, by the browser's own clock.
  const next = gate.hold(TOKEN);
  next.release();
  await next.arrived;
  await next.sent;
  const again = await popup();
  await signedIn(again);
  await unstuck(again, context, gate);
});

for (const flow of ['identity', 'tab']) {
  for (const restarted of [false, true]) {
    test(`sign-in by ${flow}: a window that is closed ${restarted ? 'under a new worker ' : ''}ends it, and another can begin`, { skip }, async (t) => {
      const { authority, context, popup, stop } = await startExtension(t, { flow });
      const page = await popup();
      const window = await issuerPage(context, () => page.locator('#sign-in').click());
      await window.locator('#email').waitFor();
      if (restarted) {
        await stop();
        // Once it answers, it has taken up what the other left.
        await page.evaluate(() => globalThis.asked = chrome.runtime.connect({ name: 'gatepass' }).postMessage({ id: 1, call: 'getSession' }));
      }
      await window.close();
      await page.locator('#error[data-code="cancelled"]').waitFor();
      await finish(authority, context, () => page.locator('#sign-in').click());
      await signedIn(page);
    });
  }
}

test('the ready extension is who the document registers', { skip: wwwMissing && `${wwwMissing} is missing` }, async () => {
  const shipped = (browser, name) => readFileSync(join(WWW, `extension-${browser}`, name), 'utf8');
  const id = idOf(Buffer.from(JSON.parse(shipped('chromium', 'manifest.json')).key, 'base64'));
  const hash = createHash('sha1').update(JSON.parse(shipped('firefox', 'manifest.json')).browser_specific_settings.gecko.id).digest('hex');
  const { site } = await import(`data:text/javascript,${encodeURIComponent(shipped('chromium', 'site.js'))}`);
  const text = readFileSync(new URL('../docs/extension.md', import.meta.url), 'utf8');
  for (const said of [`"https://${id}.chromiumapp.org/gatepass"`, `"https://${hash}.extensions.allizom.org/gatepass"`, `--id ${id}\n`, `id = "${site.clientId}"`, `--listen ${new URL(site.issuer).host} `, `GATEPASS_ISSUER=${site.issuer}\n`]) {
    assert.ok(text.includes(said), said);
  }
});

test('a sign-in that the authority does not know says which address to register', { skip }, async (t) => {
  const { context, popup, id } = await startExtension(t, { registered: 'https://another.chromiumapp.org/gatepass' });
  const page = await popup();
  await signedOut(page);
  await page.locator('#sign-in').click();
  await page.locator('#error[data-code="unauthorized_client"]').waitFor();
  assert.match(await page.locator('#error').textContent(), new RegExp(`https://${id}\\.chromiumapp\\.org/gatepass; check .* redirect URIs`));
  const error = await page.evaluate(async () => {
    const { connectGatepass } = await import('./gatepass/surface.js');
    return connectGatepass().signIn().catch(({ code, detail, cause }) => ({ code, detail, cause }));
  });
  assert.deepEqual(error, { code: 'unauthorized_client', detail: `https://${id}.chromiumapp.org/gatepass`, cause: 'Authorization page could not be loaded.' });
  assert.deepEqual(context.pages().filter((one) => one.url().startsWith('http')), [], 'no window is left');
});

test('a page that fails after the first is no unknown client', { skip }, async (t) => {
  const { context, popup, gate } = await startExtension(t);
  const page = await popup();
  const window = await issuerPage(context, () => page.locator('#sign-in').click());
  await window.locator('#email').waitFor();
  await window.goto(`${gate.address}/nowhere`).catch(() => {});
  await page.locator('#error[data-code="cancelled"]').waitFor();
});

/** What the shipped manifest asks for, without one. */
const without = (permission) => ['alarms', 'identity', 'nativeMessaging', 'storage'].filter((one) => one !== permission);

for (const permission of ['alarms', 'identity', 'nativeMessaging', 'storage']) {
  test(`a manifest without ${permission}: the popup says so`, { skip }, async (t) => {
    const { popup } = await startExtension(t, { native: { host: 'dev.gatepass.gatepass' }, manifest: { permissions: without(permission) } });
    const page = await popup();
    await page.locator('#error[data-code="configuration"]').waitFor();
    assert.match(await page.locator('#error').textContent(), new RegExp(`: ${permission}; `));
    assert.equal(await page.locator('#state').textContent(), '');
  });
}

test('what the flow does not use need not be asked for', { skip }, async (t) => {
  const { authority, context, popup } = await startExtension(t, { flow: 'tab', manifest: { permissions: ['alarms', 'storage'] } });
  const page = await popup();
  await finish(authority, context, () => page.locator('#sign-in').click());
  await signedIn(page);
});

test('a worker whose script throws: the popup says that it does not answer', { skip }, async (t) => {
  const { popup } = await startExtension(t, { files: { 'worker.js': 'throw new Error();' } });
  const page = await popup();
  await page.locator('#error[data-code="worker_silent"]').waitFor();
  assert.equal(await page.locator('#state').textContent(), '');
});

test('a call that is none is refused, whatever objects have by themselves', { skip }, async (t) => {
  const { popup } = await startExtension(t);
  const page = await popup();
  await signedOut(page);
  for (const call of ['toString', 'constructor', '__proto__', 'nothing']) {
    const { result, error } = await page.evaluate((call) => new Promise((done) => {
      const port = chrome.runtime.connect({ name: 'gatepass' });
      port.onMessage.addListener((message) => message.id === 1 && done(message));
      port.postMessage({ id: 1, call, args: [] });
    }), call);
    assert.deepEqual([result, error?.code], [undefined, 'unsupported'], call);
  }
});

test('a sign-out that is to lead elsewhere is refused, as a worker leads nowhere', { skip }, async (t) => {
  const { authority, context, popup, gate } = await startExtension(t);
  const page = await popup();
  await finish(authority, context, () => page.locator('#sign-in').click());
  await signedIn(page);
  const refused = await page.evaluate(async () => {
    const { connectGatepass } = await import('./gatepass/surface.js');
    return connectGatepass().signOut({ returnTo: 'https://app.example/' }).catch(({ code, detail }) => ({ code, detail }));
  });
  assert.deepEqual(refused, { code: 'configuration', detail: 'returnTo' });
  assert.equal(gate.count(/revoke/), 0);
  await refresh(page);
});

for (const method of ['GET', 'POST']) {
  test(`a ${method} whose worker is stopped is ${method === 'GET' ? 'sent again' : 'sent once, and said to have failed'}`, { skip, timeout: 60_000 }, async (t) => {
    const calls = [];
    let release;
    const held = new Promise((done) => (release = done));
    const server = http.createServer(async (request, response) => {
      calls.push(request.method);
      await held;
      response.end('there');
    });
    await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
    cleanUp(t, () => (release(), server.closeAllConnections(), server.close()));
    const api = `http://127.0.0.1:${server.address().port}`;
    const { authority, context, popup, stop } = await startExtension(t, { apiOrigins: [api] });
    const page = await popup();
    await finish(authority, context, () => page.locator('#sign-in').click());
    await signedIn(page);
    const answer = page.evaluate(async ([api, method]) => {
      const { connectGatepass } = await import('./gatepass/surface.js');
      return connectGatepass().fetch(api, { method }).then(({ status }) => status, ({ code, retryable }) => [code, retryable]);
    }, [api, method]);
    await eventually(() => calls.length === 1);
    await stop();
    if (method === 'GET') await eventually(() => calls.length === 2);
    else assert.deepEqual(await answer, ['unreachable', true]);
    release();
    assert.deepEqual([await answer, calls], method === 'GET' ? [200, ['GET', 'GET']] : [['unreachable', true], ['POST']]);
    // The next worker serves both.
    assert.equal(await page.evaluate(async ([api, method]) => {
      const { connectGatepass } = await import('./gatepass/surface.js');
      return (await connectGatepass().fetch(api, { method })).status;
    }, [api, method]), 200);
  });
}

test('a tab that anybody sends to the redirect address changes nothing', { skip }, async (t) => {
  const { authority, context, popup, gate } = await startExtension(t, { flow: 'tab' });
  const page = await popup();
  const window = await issuerPage(context, () => page.locator('#sign-in').click());
  const other = await context.newPage();
  await other.goto(`${gate.address}/dashboard/extension.html?code=x&state=y&iss=${encodeURIComponent(gate.address)}`);
  await prove(authority, window);
  await signedIn(page);
  assert.equal(other.isClosed(), false);
});

test('whoever is no page of the extension gets nothing', { skip }, async (t) => {
  const script = { content_scripts: [{ matches: ['http://127.0.0.1/*'], js: ['asks.js'] }] };
  const { authority, context, popup, gate, id } = await startExtension(t, { manifest: script, files: { 'asks.js': ASKS }, stranger: true });
  const page = await popup();
  await finish(authority, context, () => page.locator('#sign-in').click());
  await signedIn(page);

  const visited = await context.newPage();
  await visited.goto(`${gate.address}/dashboard/extension.html`);
  await visited.waitForFunction(() => document.documentElement.dataset.heard);
  assert.equal(await visited.evaluate(() => document.documentElement.dataset.heard), '["closed"]', 'a content script');
  assert.equal(await visited.evaluate(() => typeof chrome.runtime?.connect), 'undefined', 'a page');
  const stranger = context.serviceWorkers().find((worker) => worker.url().endsWith('/stranger.js'));
  assert.deepEqual(await stranger.evaluate(ASK, id), ['closed'], 'another extension');
  // The same words, from where they may be said.
  assert.equal((await page.evaluate(ASK, id))[0].result.claims.email, EMAIL);
});

test('a page of the extension that somebody has framed gets nothing', { skip }, async (t) => {
  // As by an author who lets pages be framed; the shipped manifest does not.
  const manifest = {
    web_accessible_resources: [{ resources: ['framed.html'], matches: ['http://127.0.0.1/*'] }],
    content_security_policy: { extension_pages: "script-src 'self' 'wasm-unsafe-eval'" },
  };
  const { authority, context, popup, id } = await startExtension(t, { manifest, files: { 'framed.html': '<title>framed</title>' } });
  const page = await popup();
  await finish(authority, context, () => page.locator('#sign-in').click());
  await signedIn(page);
  const address = `chrome-extension://${id}/framed.html`;

  const server = http.createServer((_, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(`<iframe src="${address}"></iframe>`);
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  cleanUp(t, () => server.close());
  const visited = await context.newPage();
  await visited.goto(`http://127.0.0.1:${server.address().port}/`);
  await eventually(() => visited.frame({ url: address }));
  assert.deepEqual(await visited.frame({ url: address }).evaluate(ASK, id), ['closed']);
  // The same page in a window of its own.
  await visited.goto(address);
  assert.equal((await visited.evaluate(ASK, id))[0].result.claims.email, EMAIL);
});

/** Asks an extension for its session and gives all that comes back. */
const ASK = (id) => new Promise((done) => {
  const heard = [];
  const port = chrome.runtime.connect(id, { name: 'gatepass' });
  port.onMessage.addListener((message) => done([...heard, message]));
  port.onDisconnect.addListener(() => done([...heard, 'closed']));
  port.postMessage({ id: 1, call: 'getSession', args: [] });
});
const ASKS = `(${ASK})(chrome.runtime.id).then((heard) => { document.documentElement.dataset.heard = JSON.stringify(heard); });`;

/** Asks the worker for a new token through the package, from a page that stays. */
const refresh = (page) => page.evaluate(async () => {
  const { connectGatepass } = await import('./gatepass/surface.js');
  globalThis.surface ??= connectGatepass();
  const { value, type } = await globalThis.surface.getAccessToken({ forceRefresh: true });
  return { value, type };
});

/** Takes the session's lock, as another tab's refresh would. */
const lock = (page) => page.evaluate(async () => {
  const { id } = await globalThis.surface.getSession();
  globalThis.lockName = `gatepass:${id}`;
  await new Promise((held) => {
    navigator.locks.request(globalThis.lockName, () => new Promise((release) => held(globalThis.unlock = release)));
  });
});

/** Waits until the worker asks for the lock, or has it. */
const locks = (page, kind) => page.waitForFunction(async (kind) => (await navigator.locks.query())[kind].some(({ name }) => name === globalThis.lockName), kind);

/** Keeps everybody else away from the stored session, by a transaction that goes on until it is let go. */
const block = (page) => page.evaluate(() => new Promise((blocked, failed) => {
  const opening = indexedDB.open('gatepass');
  opening.onerror = failed;
  opening.onsuccess = () => {
    const rows = opening.result.transaction('sessions', 'readwrite').objectStore('sessions');
    const again = () => {
      rows.count().onsuccess = () => {
        blocked();
        if (!globalThis.unblock) return again();
        opening.result.close();
      };
    };
    again();
  };
}));

/** How a worker comes to be stopped at a step of a refresh; gives how many requests the issuer sees in all. */
const REFRESH = {
  'waits for the lock': async ({ page, stop }) => {
    await lock(page);
    const token = refresh(page);
    await locks(page, 'pending');
    await stop();
    await page.evaluate(() => globalThis.unlock());
    return [token, 1];
  },
  'has the lock and has written nothing': async ({ page, stop }) => {
    await lock(page);
    const token = refresh(page);
    await locks(page, 'pending');
    await block(page);
    await page.evaluate(() => globalThis.unlock());
    await locks(page, 'held');
    await stop();
    await page.evaluate(() => (globalThis.unblock = true));
    return [token, 1];
  },
  'has sent': async ({ page, stop, gate }) => {
    const hold = gate.hold(TOKEN, { before: true });
    const token = refresh(page);
    await hold.arrived;
    await stop();
    hold.release();
    return [token, 2];
  },
  'waits for an answer that is on its way': async ({ page, stop, gate }) => {
    const hold = gate.hold(TOKEN);
    const token = refresh(page);
    await hold.arrived;
    await stop();
    hold.release();
    return [token, 2];
  },
  'has the answer and cannot save it yet': async ({ page, stop, gate }) => {
    const hold = gate.hold(TOKEN);
    const token = refresh(page);
    await hold.arrived;
    await block(page);
    hold.release();
    await hold.sent;
    await stop();
    await page.evaluate(() => (globalThis.unblock = true));
    return [token, 2];
  },
};

for (const dpop of ['required', 'off']) {
  for (const [step, stopped] of Object.entries(REFRESH)) {
    test(`refresh, key ${dpop}: the worker is stopped when it ${step}`, { skip }, async (t) => {
      const { authority, context, popup, gate, stop } = await startExtension(t, { dpop });
      const page = await popup();
      await finish(authority, context, () => page.locator('#sign-in').click());
      await signedIn(page);
      const first = await refresh(page);
      const before = gate.count(TOKEN);
      const [asked, requests] = await stopped({ page, stop, gate });
      const second = await asked;
      assert.notEqual(second.value, first.value);
      assert.equal(second.type, dpop === 'off' ? 'Bearer' : 'DPoP');
      assert.equal(gate.count(TOKEN) - before, requests);
      // The session goes on from what was saved.
      const third = await refresh(page);
      assert.notEqual(third.value, second.value);
      await signedIn(page);
    });
  }
}

/** Nothing is left under way: no tab, no second session, and signing out and in again works. */
async function unstuck(page, context, gate) {
  assert.equal(await page.locator('#account').textContent(), EMAIL);
  const open = () => context.pages().filter((one) => one.url().startsWith('http') && !letters.has(one)).map((one) => one.url());
  assert.deepEqual(open(), [], 'every window of the sign-in is closed');
  const { outcome, url, callback } = await page.evaluate(async () => (await chrome.storage.session.get())['gatepass:sign-in']);
  assert.deepEqual({ outcome, url, callback }, { outcome: {}, url: undefined, callback: undefined });
  await page.locator('#sign-out').click();
  await signedOut(page);
  const before = gate.count(TOKEN);
  await page.locator('#sign-in').click();
  await signedIn(page);
  assert.equal(gate.count(TOKEN) - before, 1);
}
