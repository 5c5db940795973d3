// What a hostile script in the dashboard tries, in real Chromium, when the dashboard lies on the authority's own origin:
// to make itself a grant. It has the person's cookies and access token, and the address of a request of its own.
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { chromiumMissing, openBrowser } from './support/chromium.mjs';
import { firefoxMissing, openFirefox } from './support/firefox.mjs';
import { dashboardRequest, handIn, redeem, signInThere, startHostile, startListener, thumbprint } from './support/hostile.mjs';
import { eventually, freePort } from './support/process.mjs';

const skip = chromiumMissing && `${chromiumMissing} is missing`;

/** A person signed in at a dashboard with this script in it, and a request that waits for an answer. */
async function scene(t, script = () => {}, more = {}) {
  // A page that hides where it is would have no form of its own taken: this one does not.
  const open = 'document.head.append(Object.assign(document.createElement("meta"), { name: "referrer", content: "same-origin" }));';
  const authority = await startHostile(t, { evil: `${open} (${script})()`, ...more });
  const { context } = await openBrowser(t);
  // The dashboard's own policy is no help here: what is asked is what the authority does.
  await context.route('**/dashboard/evil', async (route) => {
    const response = await route.fetch();
    const { 'content-security-policy': _policy, ...headers } = response.headers();
    await route.fulfill({ response, headers });
  });
  const page = await context.newPage();
  const token = await signInThere(authority, page);
  const listener = await startListener(t, `${authority.issuer}/dashboard/callback#status=ok`);
  const request = await handIn(authority, token, listener.redirectUri);
  const evil = `${authority.issuer}/dashboard/evil#${request.handoff_uri}`;
  const nothing = () => {
    assert.equal(authority.count('POST /handoff/decision', 200), 0, 'an answer was taken');
    assert.deepEqual(listener.requests, [], 'something came to the listener');
  };
  return { authority, context, page, token, listener, request, evil, nothing };
}

/** What the script found out. */
const result = async (page) => (await page.waitForFunction(() => globalThis.result)).jsonValue();

test('a person allows it: the code leaves by a form, and no address and no referrer tells it', { skip }, async (t) => {
  const { context, page, listener, request } = await scene(t);
  const seen = [];
  context.on('request', (sent) => seen.push(sent.url()));
  await page.goto(request.handoff_uri);
  await page.locator('#deny:focus:not([aria-disabled])').waitFor();
  await page.locator('#allow:not([aria-disabled])').click();
  await page.waitForURL('**/dashboard/callback#status=ok');
  const [delivery, ...others] = listener.requests;
  assert.deepEqual(others, []);
  assert.deepEqual([delivery.method, delivery.headers['content-type'], delivery.headers.referer], ['POST', 'application/x-www-form-urlencoded', undefined]);
  const fields = new URLSearchParams(delivery.body);
  assert.deepEqual([...fields.keys()], ['code', 'state', 'iss']);
  assert.equal(fields.get('state'), request.fields.state);
  assert.ok(seen.every((url) => !url.includes(fields.get('code'))), 'the code is in no address');
  assert.equal(await page.evaluate(() => document.referrer), '');
  // The page behind them tells what to do if the terminal heard nothing; it does not ask again, and sends nothing by itself.
  await page.goto(request.handoff_uri);
  await page.locator('#problem').waitFor();
  assert.equal(listener.requests.length, 1);
});

test('a person denies it with the first key', { skip }, async (t) => {
  const { page, listener, request } = await scene(t);
  await page.goto(request.handoff_uri);
  await page.locator('#deny:focus:not([aria-disabled])').waitFor();
  await page.keyboard.press('Enter');
  await page.waitForURL('**/dashboard/callback#status=ok');
  const fields = new URLSearchParams(listener.requests[0].body);
  assert.deepEqual([fields.get('error'), fields.get('state'), fields.get('code')], ['access_denied', request.fields.state, null]);
});

test('without script there is a button, and a code to type', { skip }, async (t) => {
  const { authority, context, page, token, listener, request } = await scene(t);
  const devtools = await context.newCDPSession(page);
  await devtools.send('Emulation.setScriptExecutionDisabled', { value: true });
  await page.goto(request.handoff_uri);
  await page.locator('#allow:not([aria-disabled])').click();
  await page.locator('#show-code').click();
  await page.locator('#code').waitFor();
  assert.match(await page.locator('#code').innerText(), /^[B-Z]{4}-[B-Z]{4}$/);
  assert.deepEqual(listener.requests, []);
  await page.goto((await handIn(authority, token, listener.redirectUri)).handoff_uri);
  await page.locator('#allow:not([aria-disabled])').click();
  await page.locator('#send').click();
  await page.waitForURL('**/dashboard/callback#status=ok');
  await page.goto((await handIn(authority, token, listener.redirectUri)).handoff_uri);
  await page.locator('#allow:not([aria-disabled])').click();
  await page.locator('#link').click();
  await page.waitForURL('**/dashboard/callback#status=ok');
  assert.deepEqual(listener.requests.map(({ method }) => method), ['POST', 'GET']);
});

test('where nobody listens, the way back leads to a code', { skip }, async (t) => {
  const { authority, page, token } = await scene(t);
  const closed = `http://127.0.0.1:${await freePort()}/gatepass/0123456789abcdefghij_-`;
  await page.goto((await handIn(authority, token, closed)).handoff_uri);
  await page.locator('#allow:not([aria-disabled])').click();
  await eventually(() => page.url().startsWith('chrome-error:'));
  await page.goBack();
  await page.locator('#show-code').click();
  assert.match(await page.locator('#code').textContent(), /^[B-Z]{4}-[B-Z]{4}$/);
});

test('who listens in the place of the terminal gets a code that is of use to nobody', { skip }, async (t) => {
  const { authority, page, token, listener } = await scene(t);
  const own = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const [key, theirs] = [own(), own()];
  const verifier = randomBytes(32).toString('base64url');
  const trade = async (given, by) => {
    const more = { dpop_jkt: thumbprint(key), code_challenge: createHash('sha256').update(verifier).digest('base64url') };
    const { handoff_uri } = await handIn(authority, token, listener.redirectUri, more);
    await page.goto(handoff_uri);
    await page.locator('#allow:not([aria-disabled])').click();
    await page.waitForURL('**/dashboard/callback#status=ok');
    const code = new URLSearchParams(listener.requests.at(-1).body).get('code');
    const form = { grant_type: 'authorization_code', client_id: 'gatepass-cli', redirect_uri: listener.redirectUri, code, code_verifier: given };
    return redeem(authority, form, by);
  };
  const stranger = randomBytes(32).toString('base64url');
  for (const [given, by] of [[stranger, theirs], [stranger, undefined], [verifier, theirs], [verifier, undefined]]) {
    const { status, answer } = await trade(given, by);
    assert.equal(status, 400);
    assert.match(answer.error, /^invalid_(grant|dpop_proof)$/);
  }
  assert.equal((await trade(verifier, key)).answer.token_type, 'DPoP', 'the terminal itself has both');
});

test('a script reads the page by fetch, and answers it', { skip }, async (t) => {
  const { page, evil, nothing, authority } = await scene(t, async () => {
    const address = location.hash.slice(1);
    const read = [];
    for (const target of [address, '/activate', '/logout', '/authorize?client_id=gatepass-cli']) {
      for (const init of [{}, { mode: 'no-cors' }, { mode: 'same-origin', credentials: 'include' }, { redirect: 'manual' }]) {
        const response = await fetch(target, init);
        read.push([response.status, (await response.text()).includes('<form')]);
      }
    }
    for (const init of [{}, { mode: 'no-cors' }]) {
      const body = new URLSearchParams({ csrf: 'x', ticket: 'x', decision: 'allow' });
      const response = await fetch('/handoff/decision', { method: 'POST', body, ...init });
      read.push([response.status, false]);
    }
    globalThis.result = read;
  });
  await page.goto(evil);
  for (const [status, form] of await result(page)) assert.deepEqual([status, form], [403, false]);
  assert.ok(authority.count('POST /handoff/decision', 403) === 2);
  nothing();
});

test('a script frames the page and clicks in it', { skip }, async (t) => {
  const { authority, page, evil, nothing } = await scene(t, () => {
    for (const kind of ['iframe', 'embed', 'object']) {
      const frame = document.createElement(kind);
      frame[kind === 'object' ? 'data' : 'src'] = location.hash.slice(1);
      document.body.append(frame);
    }
    setInterval(() => {
      for (const frame of document.querySelectorAll('iframe, embed, object')) {
        try {
          const inside = frame.contentDocument ?? frame.getSVGDocument?.();
          inside?.querySelector('#allow')?.click();
        } catch {
          // Out of reach.
        }
      }
    }, 1);
  });
  await page.goto(evil);
  await eventually(() => authority.count('GET /handoff ', 403) === 3);
  nothing();
});

for (const [way, script] of [
  ['at once', () => {
    document.querySelector('#bait').onclick = () => globalThis.watch(window.open(location.hash.slice(1)));
  }],
  ['over an empty page of its own', () => {
    document.querySelector('#bait').onclick = () => {
      const popup = window.open('about:blank', 'mine');
      popup.location = location.hash.slice(1);
      globalThis.watch(popup);
    };
  }],
]) {
  test(`a script opens the page in a popup ${way}, and clicks in it`, { skip }, async (t) => {
    const watch = () => {
      globalThis.watch = (popup) => setInterval(() => {
        try {
          const button = popup.document.querySelector('#allow');
          if (button) globalThis.result = 'reached';
          button?.click();
        } catch {
          // Out of reach.
        }
        if (popup.closed) globalThis.result ??= 'severed';
      }, 1);
    };
    const { context, page, evil, nothing } = await scene(t, `() => { (${watch})(); (${script})(); }`);
    await page.goto(evil);
    const [popup] = await Promise.all([context.waitForEvent('page'), page.locator('#bait').click()]);
    await popup.locator('#handoff').waitFor();
    assert.equal(await popup.evaluate(() => window.opener), null);
    assert.equal(await result(page), 'severed');
    nothing();
  });
}

test('a script sends the answer as a form of its own, with every token that it can find', { skip }, async (t) => {
  const { context, page, evil, request, nothing, authority } = await scene(t, async () => {
    // A popup of a page of the authority that keeps nobody out has a token against forgery.
    document.querySelector('#bait').onclick = () => {
      const popup = window.open('/logout');
      const waiting = setInterval(() => {
        const csrf = popup.document.querySelector('[name=csrf]')?.value;
        if (!csrf) return;
        clearInterval(waiting);
        popup.close();
        globalThis.csrf = csrf;
        globalThis.result = [csrf, ...navigation.entries().map(({ url }) => url)];
      }, 1);
    };
    globalThis.send = (ticket) => {
      const form = document.createElement('form');
      form.method = 'post';
      form.action = '/handoff/decision';
      for (const [name, value] of Object.entries({ csrf: globalThis.csrf, ticket, decision: 'allow' })) {
        const input = Object.assign(document.createElement('input'), { type: 'hidden', name, value });
        form.append(input);
      }
      document.body.append(form);
      form.submit();
    };
  });
  await page.goto(evil);
  // The person looks at the page and goes back: its address stays in the history of the window.
  await page.goto(request.handoff_uri);
  const flow = new URL(page.url()).searchParams.get('flow');
  await page.goBack();
  const [, popup] = await Promise.all([page.locator('#bait').click(), context.waitForEvent('page')]);
  if (!popup.isClosed()) await popup.waitForEvent('close');
  const [csrf, ...addresses] = await result(page);
  assert.equal(csrf.length, 43);
  assert.ok(addresses.some((url) => url?.includes(flow)), 'the history tells the address, and so it must be worth nothing');
  for (const ticket of [flow, request.request_uri, request.request_uri.split(':').at(-1)]) {
    // Even right after a click.
    await page.evaluate((value) => { document.querySelector('#bait').onclick = () => globalThis.send(value); }, ticket);
    await page.evaluate((value) => { globalThis.csrf = value; }, csrf);
    await page.locator('#bait').click();
    assert.match(await page.locator('#problem').textContent(), /answered already, or it took too long/);
    await page.goto('about:blank');
    await page.goto(evil);
  }
  assert.equal(authority.count('POST /handoff/decision', 410), 3);
  nothing();
});

test('a form without a person is refused even with the ticket', { skip }, async (t) => {
  const { page, evil, request, nothing, authority } = await scene(t, () => {
    const fields = JSON.parse(sessionStorage.getItem('fields') ?? 'null');
    if (!fields) return;
    const form = document.createElement('form');
    form.method = 'post';
    form.action = '/handoff/decision';
    for (const [name, value] of Object.entries(fields)) form.append(Object.assign(document.createElement('input'), { type: 'hidden', name, value }));
    document.body.append(form);
    form.submit();
  });
  await page.goto(request.handoff_uri);
  // As if the ticket had leaked.
  await page.evaluate(() => sessionStorage.setItem('fields', JSON.stringify({ ...Object.fromEntries(new FormData(document.querySelector('#handoff'))), decision: 'allow' })));
  await page.goto(evil);
  assert.match(await page.locator('#problem').textContent(), /not given by a person/);
  assert.equal(authority.count('POST /handoff/decision', 403), 1);
  nothing();
});

test('looking decides nothing', { skip }, async (t) => {
  const { authority, page, request, nothing } = await scene(t);
  await page.goto(`${request.handoff_uri}&decision=allow`);
  const query = await page.evaluate(() => new URLSearchParams([...new FormData(document.querySelector('#handoff')), ['decision', 'allow']]).toString());
  // Chromium has a page of its own for an answer without words.
  await page.goto(new URL(`/handoff/decision?${query}`, request.handoff_uri).href).catch(() => {});
  await eventually(() => authority.count('GET /handoff/decision ', 405) === 1);
  nothing();
});

test('a script takes a code of a sign-in by fetch or in a frame', { skip }, async (t) => {
  const { page, evil, nothing } = await scene(t, async () => {
    const request = (client, redirectUri) => `/authorize?${new URLSearchParams({
      client_id: client,
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: 'openid',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    })}`;
    const own = request('gatepass-dashboard', `${location.origin}/dashboard/callback.html`);
    const found = [];
    for (const target of [own, `${own}&prompt=none`, request('gatepass-cli', 'http://127.0.0.1:9/callback')]) {
      const response = await fetch(target);
      found.push(response.status, response.url.includes('code=') || (await response.text()).includes('<form'));
      const frame = document.createElement('iframe');
      frame.src = target;
      const loaded = new Promise((resolve) => { frame.onload = resolve; });
      document.body.append(frame);
      await loaded;
      let where = '';
      try {
        where = frame.contentWindow.location.href;
      } catch {
        // Not even that.
      }
      found.push(where.includes('code='));
    }
    globalThis.result = found;
  });
  await page.goto(evil);
  assert.deepEqual(await result(page), [403, false, false, 403, false, false, 403, false, false]);
  nothing();
});

test('a script opens the consent for a program in a popup, and clicks in it', { skip }, async (t) => {
  const { context, page, evil, nothing } = await scene(t, () => {
    document.querySelector('#bait').onclick = () => {
      const query = new URLSearchParams({
        client_id: 'gatepass-cli',
        redirect_uri: 'http://127.0.0.1:9/callback',
        response_type: 'code',
        scope: 'openid',
        code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
        code_challenge_method: 'S256',
      });
      const popup = window.open(`/authorize?${query}`);
      setInterval(() => {
        try {
          popup.document.querySelector('#allow')?.click();
        } catch {
          // Out of reach.
        }
        if (popup.closed) globalThis.result ??= 'severed';
      }, 1);
    };
  });
  await page.goto(evil);
  const [popup] = await Promise.all([context.waitForEvent('page'), page.locator('#bait').click()]);
  await popup.locator('#consent').waitFor();
  assert.equal(await result(page), 'severed');
  nothing();
});

test('a script puts a service worker before the dashboard, and sends what headers it likes', { skip }, async (t) => {
  const { page, evil, nothing } = await scene(t, async () => {
    try {
      await navigator.serviceWorker.register('/dashboard/worker.js');
      await navigator.serviceWorker.ready;
      globalThis.result = 'registered';
    } catch (error) {
      globalThis.result = error.name;
    }
  }, { worker: 'addEventListener("fetch", () => {})' });
  await page.goto(evil);
  assert.equal(await result(page), 'TypeError', 'the origin of the authority has no service worker');
  nothing();
});

test('a press that was meant for another page decides nothing', { skip }, async (t) => {
  const { page, request, evil, nothing, listener } = await scene(t, () => {
    document.querySelector('#bait').onmousedown = () => location.assign(location.hash.slice(1));
  });
  // Where the answer is going to lie, before it lies there.
  await page.goto(evil);
  await page.evaluate(() => Object.assign(document.querySelector('#bait').style, { position: 'fixed', inset: 0, width: '100%', height: '100%' }));
  await page.mouse.move(200, 200);
  await page.mouse.down();
  await page.mouse.up();
  const allow = page.locator('#allow');
  await page.locator('#allow[aria-disabled="true"]').waitFor();
  const { x, y, width, height } = await allow.boundingBox();
  const sent = [];
  page.on('request', (one) => one.method() === 'POST' && sent.push(one.url()));
  // The second press of a double click, as soon as the page is there; and the key, for whoever types.
  await page.mouse.click(x + width / 2, y + height / 2);
  await allow.press('Enter', { noWaitAfter: true });
  assert.deepEqual(sent, []);
  nothing();
  assert.equal(page.url().split('?')[0], new URL('/handoff', request.handoff_uri).href);
  // A moment later the page is a page like any other.
  await page.locator('#allow:not([aria-disabled])').waitFor();
  await page.mouse.click(x + width / 2, y + height / 2);
  await page.waitForURL('**/dashboard/callback#status=ok');
  assert.equal(listener.requests.length, 1);
});

test('Firefox: a person allows it, the first key denies it, and a script does neither', { skip: firefoxMissing && `${firefoxMissing} is missing` }, async (t) => {
  const { By, Key, until } = await import('selenium-webdriver');
  const authority = await startHostile(t, {});
  const { browser } = await openFirefox(t);
  const at = (css) => browser.wait(until.elementLocated(By.css(css)), 15_000);
  const { address, trade } = dashboardRequest(authority);
  await browser.get(address);
  await (await at('#email')).sendKeys('user@example.com');
  await (await at('#continue')).click();
  await at('#enter-code');
  await browser.get((await authority.letter('user@example.com')).link);
  await (await at('#open-link #sign-in')).click();
  await browser.wait(until.urlContains('/dashboard/callback'), 15_000);
  const token = await trade(await browser.getCurrentUrl());
  const listener = await startListener(t, `${authority.issuer}/dashboard/callback#status=ok`);
  const ask = async () => browser.get((await handIn(authority, token, listener.redirectUri)).handoff_uri);
  const done = () => browser.wait(until.urlContains('#status=ok'), 15_000);
  await ask();
  await (await at('#allow:not([aria-disabled])')).click();
  await done();
  await ask();
  await at('#deny:focus:not([aria-disabled])');
  await browser.switchTo().activeElement().sendKeys(Key.ENTER);
  await done();
  await ask();
  // Firefox counts what a driver runs as a person for some seconds; the script waits until nobody is there.
  await browser.executeScript('const waiting = setInterval(() => { const allow = document.querySelector("#allow"); if (navigator.userActivation.isActive || allow.ariaDisabled) return; clearInterval(waiting); allow.click(); }, 50)');
  assert.match(await (await at('#problem')).getText(), /not given by a person/);
  assert.deepEqual(listener.requests.map(({ body }) => [...new URLSearchParams(body).keys()][0]), ['code', 'error']);
});
