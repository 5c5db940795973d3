// `fetch` of the facade against an API by others' rules: proofs are judged by npm jose. Real Chromium, our own authority.
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { calculateJwkThumbprint, createRemoteJWKSet, decodeProtectedHeader, importJWK, jwtVerify } from 'jose';
import { listen, ready, signInAt, startApp } from './support/app.mjs';
import { chromiumMissing, openBrowser } from './support/chromium.mjs';
import { eventually, freePort } from './support/process.mjs';
import { wwwMissing } from './support/tree.mjs';

const missing = chromiumMissing ?? wwwMissing;
const skip = missing && `${missing} is missing`;

/** An API that takes bound tokens, each proof once, and wants a nonce of its own if it is told to (RFC 9449 section 9). */
class Api {
  requests = [];
  nonce;
  /** Tokens that it does not take any more. */
  refused = new Set();
  #seen = new Set();

  async start(t, port = 0) {
    this.origin = await listen(t, (request, response) => this.#answer(request, response).catch((error) => response.writeHead(500).end(String(error))), port);
    return this;
  }

  async #answer(request, response) {
    const cors = {
      'access-control-allow-origin': '*',
      'access-control-allow-headers': 'authorization, dpop, content-type, x-own',
      'access-control-allow-methods': '*',
      'access-control-expose-headers': 'dpop-nonce, www-authenticate',
    };
    if (request.method === 'OPTIONS') return response.writeHead(204, cors).end();
    const body = await text(request);
    const { authorization, dpop } = request.headers;
    this.requests.push({ method: request.method, path: request.url, authorization, dpop, body, own: request.headers['x-own'] });
    const headers = { ...cors, ...(this.nonce && { 'dpop-nonce': this.nonce }) };
    const challenge = (error) => response.writeHead(401, { ...headers, 'www-authenticate': `DPoP error="${error}", algs="ES256"` }).end();
    if (!authorization) return response.writeHead(200, headers).end('{"credentials":false}');
    if (request.url === '/elsewhere') return response.writeHead(307, { ...headers, location: '/there' }).end();
    const token = authorization.replace(/^DPoP /, '');
    const fault = await this.#judge(request, token, dpop).catch(String);
    if (fault) return challenge(fault);
    if (await this.refused.has(token)) return challenge('invalid_token');
    response.writeHead(200, { ...headers, 'content-type': 'application/json' }).end(JSON.stringify({ credentials: true, body }));
  }

  async #judge(request, token, proof) {
    const { payload: claims } = await jwtVerify(token, createRemoteJWKSet(new URL(`${this.issuer}/.well-known/jwks.json`)), { issuer: this.issuer });
    const { jwk, typ, alg } = decodeProtectedHeader(proof);
    const { payload } = await jwtVerify(proof, await importJWK(jwk, alg), { typ: 'dpop+jwt', algorithms: ['ES256'] });
    if (typ !== 'dpop+jwt' || 'd' in jwk || claims.cnf.jkt !== (await calculateJwkThumbprint(jwk))) return 'invalid_dpop_proof';
    const address = new URL(request.url, this.origin);
    if (payload.htm !== request.method || payload.htu !== address.origin + address.pathname) return 'invalid_dpop_proof';
    if (payload.ath !== createHash('sha256').update(token).digest('base64url') || this.#seen.has(payload.jti)) return 'invalid_dpop_proof';
    this.#seen.add(payload.jti);
    if (Math.abs(payload.iat - Date.now() / 1000) > 60) return 'invalid_dpop_proof';
    return payload.nonce === this.nonce ? undefined : 'use_dpop_nonce';
  }
}

async function open(t, { apis = 1, options } = {}) {
  const made = await Promise.all(Array.from({ length: apis }, async () => new Api().start(t, await freePort())));
  const app = await startApp(t, { options: { apiOrigins: made.map(({ origin }) => origin), ...options } });
  for (const api of made) api.issuer = app.authority.issuer;
  const { context } = await openBrowser(t);
  const page = await context.newPage();
  let refreshes = 0;
  context.on('request', (request) => {
    if (request.postData()?.includes('grant_type=refresh_token')) refreshes += 1;
  });
  await page.goto(app.origin);
  await ready(page);
  await page.evaluate(() => void window.gatepass.signIn());
  await signInAt(app.authority, page);
  await page.waitForURL('**/callback');
  await ready(page);
  return Object.assign(app, { context, page, apis: made, api: made[0], refreshes: () => refreshes });
}

const ask = (page, url, init) => page.evaluate(async ({ url, init }) => {
  try {
    const response = await window.gatepass.fetch(url, init);
    return { status: response.status, ...(response.ok ? await response.json() : {}) };
  } catch (error) {
    return { code: error.code ?? error.name };
  }
}, { url, init });

test('a proof goes with every request, and no two are the same', { skip }, async (t) => {
  const { page, api } = await open(t);
  assert.deepEqual(await ask(page, `${api.origin}/a%20b?c=d#e`), { status: 200, credentials: true, body: '' });
  const posted = await ask(page, `${api.origin}/items`, { method: 'PATCH', body: 'hello', headers: { 'x-own': 'kept', authorization: 'not ours' } });
  assert.deepEqual(posted, { status: 200, credentials: true, body: 'hello' });
  const [, last] = api.requests;
  assert.deepEqual([last.method, last.own, last.authorization.startsWith('DPoP ')], ['PATCH', 'kept', true]);
  // A `Request` is as good as an address.
  const made = await page.evaluate(async (url) => (await window.gatepass.fetch(new Request(url, { method: 'PUT', body: 'made' }))).json(), `${api.origin}/made`);
  assert.deepEqual(made, { credentials: true, body: 'made' });
  assert.equal(new Set(api.requests.map(({ dpop }) => dpop)).size, 3);
});

test('the issuer itself is among the origins', { skip }, async (t) => {
  const { authority, page } = await open(t);
  const answer = await ask(page, `${authority.issuer}/userinfo`);
  assert.deepEqual([answer.status, answer.email], [200, 'user@example.com']);
});

test('nonces are learned per origin, from every answer, and asked for once', { skip }, async (t) => {
  const { page, apis: [one, other] } = await open(t, { apis: 2 });
  one.nonce = 'first';
  other.nonce = 'theirs';
  assert.equal((await ask(page, `${one.origin}/`, { method: 'POST', body: 'again' })).body, 'again');
  assert.equal(one.requests.length, 2);
  assert.equal((await ask(page, `${one.origin}/`)).status, 200);
  assert.equal(one.requests.length, 3, 'it is remembered');
  assert.equal((await ask(page, `${other.origin}/`)).status, 200);
  assert.equal(other.requests.length, 2, 'and is not another origin\'s');
  // One that ran out is replaced in the same way.
  one.nonce = 'second';
  assert.equal((await ask(page, `${one.origin}/`)).status, 200);
  assert.equal(one.requests.length, 5);
  assert.equal((await ask(page, `${one.origin}/`)).status, 200);
  assert.equal(one.requests.length, 6);
});

test('a server that is never content is asked twice, and its answer handed on', { skip }, async (t) => {
  const { page, api, refreshes } = await open(t);
  let count = 0;
  Object.defineProperty(api, 'nonce', { get: () => randomUUID(), set() {} });
  assert.equal((await ask(page, `${api.origin}/`)).status, 401);
  count = api.requests.length;
  assert.equal(count, 2);
  assert.equal(refreshes(), 0);
});

test('a token that is refused is replaced once, by one refresh for all who ask', { skip }, async (t) => {
  const { page, api, refreshes } = await open(t);
  const token = () => page.evaluate(async () => (await window.gatepass.getAccessToken()).value);
  api.refused.add(await token());
  const answers = await page.evaluate(async (url) => {
    const all = await Promise.all(Array.from({ length: 5 }, (_, at) => window.gatepass.fetch(`${url}/${at}`, { method: 'POST', body: String(at) })));
    return Promise.all(all.map(async (response) => (await response.json()).body));
  }, api.origin);
  assert.deepEqual(answers, ['0', '1', '2', '3', '4']);
  assert.equal(refreshes(), 1);
  // One that takes no token at all gets no second refresh for one call.
  api.refused = { has: () => true };
  const before = api.requests.length;
  assert.equal((await ask(page, `${api.origin}/`)).status, 401);
  assert.deepEqual([api.requests.length - before, refreshes()], [2, 2]);
});

test('what one account asked for is not asked for by another', { skip }, async (t) => {
  const app = await open(t);
  const { page, api, context, authority, origin } = app;
  let release;
  const held = new Promise((go) => (release = go));
  api.refused = { has: () => held.then(() => true) };
  const asked = ask(page, `${api.origin}/orders`, { method: 'POST', body: 'of the first' });
  await eventually(() => api.requests.length === 1);
  const other = await context.newPage();
  await other.goto(origin);
  await ready(other);
  await other.evaluate(() => window.gatepass.signOut());
  await other.evaluate(() => void window.gatepass.signIn({ prompt: 'login' }));
  await signInAt(authority, other, 'bob@example.com');
  await other.waitForURL('**/callback');
  await ready(other);
  release();
  assert.equal((await asked).status, 401);
  assert.deepEqual(api.requests.map(({ body }) => body), ['of the first']);
  api.refused = new Set();
  assert.equal((await ask(page, `${api.origin}/`)).status, 200, 'by whom it is asked now');
});

test('a clock that goes wrong costs one refresh, by which the time is known', { skip }, async (t) => {
  const { page, api, refreshes } = await open(t);
  assert.equal((await ask(page, `${api.origin}/`)).status, 200);
  // Half an hour: the token is fresh still, so nothing but the API's answer says so.
  await page.evaluate(() => {
    const now = Date.now.bind(Date);
    Date.now = () => now() + 1_800_000;
  });
  assert.equal((await ask(page, `${api.origin}/`)).status, 200);
  assert.equal(api.requests.length, 3);
  const before = refreshes();
  assert.equal(before > 0, true);
  assert.equal((await ask(page, `${api.origin}/`)).status, 200);
  assert.deepEqual([api.requests.length, refreshes()], [4, before]);
});

test('a stream is sent once', { skip }, async (t) => {
  const { page, api } = await open(t);
  api.nonce = 'wanted';
  // Chromium sends streams over HTTP/2 alone, so the network is ours to play here.
  const calls = await page.evaluate(async (url) => {
    const sent = [];
    const real = window.fetch;
    window.fetch = async (request, init) => {
      if (!(request instanceof Request) || !request.url.startsWith(url)) return real(request, init);
      sent.push(await new Response(request.body).text());
      return new Response(null, { status: 401, headers: { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': 'wanted' } });
    };
    const body = new Blob(['once']).stream();
    const { status } = await window.gatepass.fetch(`${url}/`, { method: 'POST', body, duplex: 'half' });
    window.fetch = real;
    return { sent, status };
  }, api.origin);
  assert.deepEqual(calls, { sent: ['once'], status: 401 });
});

test('no other origin ever gets credentials, and a proof follows no redirect', { skip }, async (t) => {
  const { page, api } = await open(t);
  const stranger = await new Api().start(t);
  for (const url of [`${stranger.origin}/`, api.origin.replace('127.0.0.1', 'localhost')]) await ask(page, url);
  assert.deepEqual(stranger.requests.map(({ authorization, dpop }) => [authorization, dpop]), [[undefined, undefined]]);
  assert.equal(api.requests.some(({ authorization }) => authorization), false);
  assert.deepEqual(await ask(page, `${api.origin}/elsewhere`), { code: 'TypeError' });
  assert.deepEqual(api.requests.filter(({ path }) => path === '/there'), []);
});

test('without a session it is an error before anything is sent', { skip }, async (t) => {
  const { page, api } = await open(t);
  await page.evaluate(() => window.gatepass.signOut());
  assert.deepEqual(await ask(page, `${api.origin}/`), { code: 'not_signed_in' });
  assert.equal(api.requests.length, 0);
});

test('whoever gives up waiting gets his own reason', { skip }, async (t) => {
  const { page, api } = await open(t);
  assert.deepEqual(await page.evaluate(async (url) => {
    const signal = AbortSignal.abort(new Error('enough'));
    const errors = await Promise.all([window.gatepass.fetch(url, { signal }), window.gatepass.getAccessToken({ signal, forceRefresh: true })].map((waiting) => waiting.catch(({ message }) => message)));
    // The refresh went on.
    return [...errors, (await window.gatepass.getAccessToken()).type];
  }, api.origin), ['enough', 'enough', 'DPoP']);
});

test('a session that was revoked elsewhere ends with the next refusal', { skip }, async (t) => {
  const { authority, context, page, api } = await open(t);
  let refresh;
  await context.route('**/oauth/token', async (route) => {
    const response = await route.fetch();
    refresh = (await response.json()).refresh_token ?? refresh;
    await route.fulfill({ response });
  });
  const value = await page.evaluate(async () => (await window.gatepass.getAccessToken({ forceRefresh: true })).value);
  assert.equal((await fetch(`${authority.issuer}/oauth/revoke`, { method: 'POST', body: new URLSearchParams({ token: refresh, client_id: 'app' }) })).status, 200);
  api.refused.add(value);
  assert.deepEqual(await ask(page, `${api.origin}/`), { code: 'session_ended' });
  assert.equal(await page.evaluate(() => window.told.at(-1)), 'revoked');
  assert.equal(await page.evaluate(() => window.gatepass.getSession()), null);
});
