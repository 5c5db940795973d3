// The line between extension and terminal, in real Chromium, with a host that a test holds.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import http from 'node:http';
import { test } from 'node:test';
import { chromiumMissing } from './support/chromium.mjs';
import { EMAIL, ID, finish, signedIn, startExtension } from './support/extension.mjs';
import { claimsOf, HOST, startTerminal, thumbprint } from './support/native.mjs';
import { cleanUp, eventually, folder } from './support/process.mjs';
import { wwwMissing } from './support/tree.mjs';

const missing = chromiumMissing ?? wwwMissing;
const skip = missing && `${missing} is missing`;
const ORIGIN = `chrome-extension://${ID}/`;
const TOKEN = /\/oauth\/token$/;
/** Of some key: an issuer makes tokens for it. */
const JKT = createHash('sha256').update('a key').digest('base64url');

async function start(t, { installed = true, liar = false, ...options } = {}) {
  const profile = folder(t, 'profile');
  const terminal = await startTerminal(t, profile, ORIGIN);
  if (installed) terminal.install();
  if (liar) terminal.paired = { has: () => true, add: () => {} };
  const site = await startExtension(t, { profile, native: { host: HOST }, ...options });
  const page = await site.popup();
  const state = (name) => page.locator(`#terminal[data-state="${name}"]`).waitFor();
  return { ...site, terminal, page, state };
}

async function paired(t, options) {
  const site = await start(t, options);
  await site.state('unpaired');
  await site.page.locator('#pair').click();
  await site.state('paired');
  return site;
}

test('pairs when a person says yes in the terminal, to the same words', { skip }, async (t) => {
  const { terminal, page, state, stop, popup } = await start(t);
  await state('unpaired');
  const { version, key, name, origin } = terminal.hello;
  assert.equal(origin, ORIGIN, 'the browser says who asks');
  assert.equal(version, 1);
  assert.match(name, /^(Chromium|HeadlessChrome|Google Chrome) \d+$/);
  assert.deepEqual(Object.keys(key).sort(), ['crv', 'kty', 'x', 'y'], 'only the public half');

  let yes;
  terminal.decide = () => new Promise((decide) => (yes = decide));
  await page.locator('#pair').click();
  await state('pairing');
  assert.equal(await page.locator('#phrase').textContent(), terminal.phrase);
  // The popup goes when the person turns to the terminal; the next one shows the same.
  await page.close();
  const again = await popup();
  await again.locator('#terminal[data-state="pairing"]').waitFor();
  assert.equal(await again.locator('#phrase').textContent(), terminal.phrase);
  yes();
  await again.locator('#terminal[data-state="paired"]').waitFor();

  // A worker that starts anew is connected again by itself, with the same key.
  const before = terminal.connections;
  await stop();
  await again.evaluate(() => chrome.runtime.connect({ name: 'gatepass' }).postMessage({ id: 1, call: 'getSession' }));
  await eventually(() => terminal.connections > before && terminal.hello);
  await again.locator('#terminal[data-state="paired"]').waitFor();
  assert.deepEqual(terminal.hello.key, key);
});

for (const code of ['pairing_denied', 'pairing_expired']) {
  test(`${code} is told, and can be tried again`, { skip }, async (t) => {
    const { terminal, page, state } = await start(t);
    await state('unpaired');
    terminal.decide = async () => code;
    await page.locator('#pair').click();
    await page.locator(`#error[data-code="${code}"]`).waitFor();
    await state('unpaired');
    terminal.decide = async () => undefined;
    await page.locator('#pair').click();
    await state('paired');
  });
}

test('a program that shows other words is not believed', { skip }, async (t) => {
  const { terminal, page, state } = await start(t);
  await state('unpaired');
  terminal.wrong = 'lusab-babad-lusab';
  await page.locator('#pair').click();
  await page.locator('#error[data-code="malformed"]').waitFor();
  await state('unpaired');
});

test('a program that says it was paired is not believed either', { skip }, async (t) => {
  const { terminal, page, state, authority, context } = await start(t, { liar: true });
  await state('unpaired');
  await finish(authority, context, () => page.locator('#sign-in').click());
  await signedIn(page);
  const ask = () => terminal.ask({ type: 'token', scope: 'openid', jkt: JKT });
  assert.equal((await ask()).code, 'not_paired');
  // The same question, once a person has said yes.
  await page.locator('#pair').click();
  await state('paired');
  assert.match((await ask()).access_token, /^ey/);
});

test('a program that lets the extension in no more is asked anew', { skip }, async (t) => {
  const { terminal, page, state, popup } = await paired(t);
  const ask = () => page.evaluate(async () => {
    const { connectGatepass } = await import('./gatepass/surface.js');
    return connectGatepass().terminal.getAccessToken({ scope: 'projects' }).then(() => 'given', ({ code }) => code);
  });
  // As when another account signs in there: on the open line a token is refused.
  terminal.paired.clear();
  terminal.give = () => ({ code: 'not_paired' });
  assert.equal(await ask(), 'not_paired');
  await state('unpaired');
  terminal.give = () => ({ access_token: 'of-the-terminal', token_type: 'DPoP', expires_in: 300 });
  assert.equal(await ask(), 'not_paired', 'it is not even asked');
  await page.locator('#pair').click();
  await state('paired');
  assert.equal(await ask(), 'given');
  // Where nobody has asked for a token, whoever looks sees it.
  terminal.paired.clear();
  const again = await popup();
  await again.locator('#terminal[data-state="unpaired"]').waitFor();
  await state('unpaired');
});

test('where there is no program, the popup says how to get it', { skip }, async (t) => {
  const { terminal, page, state } = await start(t, { installed: false });
  await state('absent');
  assert.match(await page.locator('#terminal-state').textContent(), /gatepass extension install/);
  terminal.install();
  await page.reload();
  await state('unpaired');
});

test('a program that ended is tried again later, by an alarm', { skip }, async (t) => {
  const { terminal, page, state } = await paired(t);
  const alarm = () => page.evaluate(async () => {
    const found = await chrome.alarms.get('gatepass:native');
    return found && (found.scheduledTime - Date.now()) / 60_000;
  });
  terminal.drop();
  await state('lost');
  await page.waitForFunction(() => chrome.alarms.get('gatepass:native'));
  assert.equal((await alarm()) <= 0.5, true);
  // It is there again as soon as somebody asks, and the alarm is off.
  await page.locator('#pair').click();
  await state('paired');
  await page.waitForFunction(async () => !(await chrome.alarms.get('gatepass:native')));
});

/** An API that notes what it is asked, and leads on to where `?to=` says. */
async function startApi(t) {
  const calls = [];
  const server = http.createServer((request, response) => {
    calls.push(request.headers);
    const to = new URL(request.url, 'http://api').searchParams.get('to');
    if (to) response.writeHead(307, { location: to });
    response.end('there');
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  cleanUp(t, () => server.close());
  return { calls, origin: `http://127.0.0.1:${server.address().port}` };
}

test('gets a token from the terminal, asks with its key, and proves it to an API', { skip }, async (t) => {
  const { origin, calls } = await startApi(t);
  const { terminal, page } = await paired(t, { apiOrigins: [origin] });
  const api = `${origin}/projects?all`;
  terminal.give = () => ({ access_token: 'of-the-terminal', token_type: 'DPoP', expires_in: 300, scope: 'projects' });

  const answer = await page.evaluate(async (api) => {
    const { connectGatepass } = await import('./gatepass/surface.js');
    const { terminal } = connectGatepass();
    const response = await terminal.fetch({ scope: 'projects', audience: 'https://api.example' }, api);
    return [response.status, await response.text()];
  }, api);
  assert.deepEqual(answer, [200, 'there']);

  const [{ question, said, challenge }] = terminal.asked;
  assert.deepEqual(said.header, { alg: 'ES256', typ: 'gatepass-link+jwt' });
  assert.deepEqual(said.claims, { challenge, ...question });
  assert.equal(question.audience, 'https://api.example');
  const [{ authorization, dpop }] = calls;
  assert.equal(authorization, 'DPoP of-the-terminal');
  const { jwk } = JSON.parse(Buffer.from(dpop.split('.')[0], 'base64url'));
  const { header, claims } = claimsOf(dpop, jwk);
  assert.equal(thumbprint(jwk), question.jkt, 'the token was asked for this key');
  assert.equal(header.typ, 'dpop+jwt');
  assert.notEqual(thumbprint(jwk), thumbprint(terminal.hello.key), 'not the key that pairs');
  const { htm, htu, ath } = claims;
  assert.deepEqual({ htm, htu, ath }, { htm: 'GET', htu: api.split('?')[0], ath: createHash('sha256').update('of-the-terminal').digest('base64url') });

  terminal.give = () => ({ code: 'denied' });
  const code = await page.evaluate(async () => {
    const { connectGatepass } = await import('./gatepass/surface.js');
    return connectGatepass().terminal.getAccessToken({ scope: 'everything' }).catch((error) => error.code);
  });
  assert.equal(code, 'denied');
});

test('gives the terminal nothing that it should not have', { skip }, async (t) => {
  const { terminal, page, authority, context, gate } = await paired(t);
  const ask = (question) => terminal.ask({ type: 'token', scope: 'openid', jkt: JKT, ...question }).then(({ code }) => code);
  assert.equal(await ask({}), 'not_signed_in');
  await finish(authority, context, () => page.locator('#sign-in').click());
  await signedIn(page);
  assert.equal(await page.locator('#account').textContent(), EMAIL);
  const before = gate.count(TOKEN);
  assert.equal(await ask({ scope: 'openid admin' }), 'denied');
  assert.equal(gate.count(TOKEN), before, 'the issuer is not even asked');
  for (const bad of [{ scope: '' }, { scope: ' openid' }, { scope: 1 }, { jkt: 'short' }, { jkt: undefined }, { audience: {} }]) {
    assert.equal(await ask(bad), 'malformed', JSON.stringify(bad));
  }
  // An issuer that gives more than was asked for has no say in what the terminal may.
  const given = (scope) => {
    gate.change = { path: TOKEN, change: (body) => JSON.stringify({ ...JSON.parse(body), scope }) };
    return ask({ scope: 'openid' });
  };
  assert.equal(await given('openid email'), 'malformed');
  assert.equal(await given(undefined), undefined);
  assert.equal(await given('openid'), undefined);
});

test('what the terminal gives is bound, short, and no more than was asked', { skip }, async (t) => {
  const { terminal, page } = await paired(t);
  const given = (answer) => {
    terminal.give = () => ({ access_token: 'of-the-terminal', token_type: 'DPoP', expires_in: 300, ...answer });
    return page.evaluate(async () => {
      const { connectGatepass } = await import('./gatepass/surface.js');
      return connectGatepass().terminal.getAccessToken({ scope: 'openid projects' }).then(({ value }) => value, ({ code }) => code);
    });
  };
  const bad = [
    { token_type: 'Bearer' }, { token_type: 'xDPoP' }, { token_type: undefined }, { access_token: 1 },
    { expires_in: 301 }, { expires_in: 0 }, { expires_in: -1 }, { expires_in: undefined }, { expires_in: '300' },
    { scope: 'openid projects admin' }, { scope: 'admin' }, { scope: 1 },
  ];
  for (const answer of bad) assert.equal(await given(answer), 'malformed', JSON.stringify(answer));
  // RFC 6749 section 5.1: where no scope is said, it is what was asked for.
  for (const answer of [{}, { scope: 'openid' }, { scope: 'projects openid' }, { expires_in: 1 }, { token_type: 'dpop' }]) {
    assert.equal(await given(answer), 'of-the-terminal', JSON.stringify(answer));
  }
});

for (const challenge of ['', 'x'.repeat(42), 'x'.repeat(44), '"'.repeat(43), 1]) {
  test(`a program whose challenge is ${JSON.stringify(challenge)} is not spoken with`, { skip }, async (t) => {
    const { terminal, page, state } = await start(t, { installed: false });
    terminal.challenge = challenge;
    terminal.install();
    await page.reload();
    await state('lost');
    const code = await page.evaluate(async () => {
      const { connectGatepass } = await import('./gatepass/surface.js');
      return connectGatepass().terminal.pair().catch(({ code }) => code);
    });
    assert.equal(code, 'malformed');
    assert.equal(terminal.phrase, undefined, 'nothing is asked over that line');
  });
}

test('a session that is bound to no key lends nothing, and the issuer is not asked', { skip }, async (t) => {
  const { terminal, page, authority, context, gate } = await paired(t, { dpop: 'off' });
  await finish(authority, context, () => page.locator('#sign-in').click());
  await signedIn(page);
  const before = gate.count(TOKEN);
  assert.equal((await terminal.ask({ type: 'token', scope: 'openid', jkt: JKT })).code, 'unsupported');
  assert.equal(gate.count(TOKEN), before);
});

test('a session that the browser does not keep lends too', { skip }, async (t) => {
  const worker = `import { createGatepassBackground } from "./gatepass/background.js"; import { site } from "./site.js"; createGatepassBackground({ ...site, storage: "memory" });`;
  const { terminal, page, authority, context } = await paired(t, { files: { 'worker.js': worker } });
  await finish(authority, context, () => page.locator('#sign-in').click());
  await signedIn(page);
  const { access_token } = await terminal.ask({ type: 'token', scope: 'openid', jkt: JKT });
  assert.match(access_token ?? '', /^ey/);
});

test('an API that can be read along gets no token of the terminal', { skip }, async (t) => {
  const profile = folder(t, 'profile');
  const terminal = await startTerminal(t, profile, ORIGIN);
  terminal.install();
  const site = await startExtension(t, { profile, native: { host: HOST }, apiOrigins: ['http://api.example'] });
  const page = await site.popup();
  const answer = await page.evaluate(async () => {
    const { connectGatepass } = await import('./gatepass/surface.js');
    return connectGatepass().terminal.fetch({ scope: 'projects' }, 'http://api.example/').then(({ status }) => status, ({ code, detail }) => [code, detail]);
  });
  assert.deepEqual(answer, ['configuration', 'apiOrigins']);
  assert.deepEqual(terminal.asked, []);
});

test('the token of the terminal goes to the origins that may have it, and follows no redirect', { skip }, async (t) => {
  const api = await startApi(t);
  const other = await startApi(t);
  const { terminal, page } = await paired(t, { apiOrigins: [api.origin] });
  terminal.give = () => ({ access_token: 'of-the-terminal', token_type: 'DPoP', expires_in: 300, scope: 'projects' });
  const ask = (url) => page.evaluate(async (url) => {
    const { connectGatepass } = await import('./gatepass/surface.js');
    return connectGatepass().terminal.fetch({ scope: 'projects' }, url).then(({ status }) => status, () => 'refused');
  }, url);

  assert.equal(await ask(`${other.origin}/projects`), 200);
  assert.deepEqual(other.calls.map(({ authorization, dpop }) => [authorization, dpop]), [[undefined, undefined]]);
  assert.deepEqual(terminal.asked, [], 'nor is the terminal asked');
  for (const to of ['/elsewhere', `${other.origin}/elsewhere`]) assert.equal(await ask(`${api.origin}/projects?to=${to}`), 'refused');
  assert.deepEqual(api.calls.map(({ authorization }) => authorization), ['DPoP of-the-terminal', 'DPoP of-the-terminal']);
  assert.equal(other.calls.length, 1);
});
