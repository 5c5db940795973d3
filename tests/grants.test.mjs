// Grants, links and loans: a client written by others, and a real browser, against our own authority.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as client from 'openid-client';
import { signIn, startAuthority } from './support/authority.mjs';
import { chromiumMissing, openBrowser } from './support/chromium.mjs';
import { eventually } from './support/process.mjs';
import { wwwMissing } from './support/tree.mjs';
import { Visitor } from './support/visitor.mjs';

const missing = chromiumMissing ?? wwwMissing;
const skip = missing && `${missing} is missing`;
const REDIRECT = 'http://127.0.0.1:53123/callback';
const EMAIL = 'user@example.com';
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

/** Signs the terminal in with a key of its own. */
async function terminal(authority, email = EMAIL) {
  const options = { execute: [client.allowInsecureRequests] };
  const config = await client.discovery(new URL(authority.issuer), 'gatepass-cli', { id_token_signed_response_alg: 'ES256' }, client.None(), options);
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT,
    scope: 'openid email',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
  });
  const end = await signIn(authority, new Visitor(), url.href, { email, stop: (to) => to.startsWith(REDIRECT) });
  const checks = { pkceCodeVerifier: verifier, expectedState: state };
  const tokens = await client.authorizationCodeGrant(config, new URL(end.url), checks, undefined, { DPoP });
  const ask = (path, method) =>
    client.fetchProtectedResource(config, tokens.access_token, new URL(authority.issuer + path), method, undefined, undefined, { DPoP });
  return { config, DPoP, tokens, ask };
}

test('a loan is made and used by a client written by others', async (t) => {
  const authority = await startAuthority(t);
  const { config, DPoP, tokens } = await terminal(authority);
  const receiver = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
  const fields = {
    subject_token: tokens.access_token,
    subject_token_type: ACCESS_TOKEN,
    scope: 'openid',
    dpop_jkt: await receiver.calculateThumbprint(),
  };
  const loan = await client.genericGrantRequest(config, EXCHANGE, fields, { DPoP });
  assert.equal(loan.issued_token_type, ACCESS_TOKEN);
  assert.equal(loan.refresh_token, undefined);
  assert.ok(loan.expires_in <= 300);
  const info = await client.fetchUserInfo(config, loan.access_token, tokens.claims().sub, { DPoP: receiver });
  assert.equal(info.email, undefined);
  // The lender's key is not the receiver's, and the receiver cannot lend on.
  await assert.rejects(client.fetchUserInfo(config, loan.access_token, tokens.claims().sub, { DPoP }));
  const again = client.genericGrantRequest(config, EXCHANGE, { ...fields, subject_token: loan.access_token }, { DPoP: receiver });
  await assert.rejects(again, (error) => error.error === 'invalid_request');
});

test('a terminal signs a browser in, by a link that asks', { skip }, async (t) => {
  const authority = await startAuthority(t, { www: true });
  const { ask } = await terminal(authority);
  const { url } = await (await ask('/session/link', 'POST')).json();
  const { context } = await openBrowser(t);
  const page = await context.newPage();
  const sent = [];
  page.on('request', async (request) => sent.push(`${request.url()} ${(await request.allHeaders()).referer ?? ''}`));
  await page.goto(url);
  assert.equal(await page.locator('#account').textContent(), EMAIL);
  assert.equal(await page.locator('#client').textContent(), 'Gatepass CLI');
  // Looking again is no use of it, and a script of the house cannot read it.
  await page.reload();
  assert.equal(await page.evaluate(async (address) => (await fetch(address)).status, url).catch(() => 'refused'), 'refused');
  const house = await context.newPage();
  await house.goto(`${authority.issuer}/dashboard/`);
  assert.equal(await house.evaluate(async (address) => (await fetch(address)).status, url), 403);
  await page.bringToFront();
  await page.locator('#sign-in:not([aria-disabled])').click();
  // The person has pressed once: the dashboard needs no letter, and no other press.
  await page.waitForFunction(() => document.body?.dataset.state === 'signed-in');
  assert.equal(page.url(), `${authority.issuer}/dashboard/`);
  const own = new URL(url).search;
  assert.deepEqual(sent.filter((line) => line.slice(line.indexOf(' ')).includes(own)), [], 'no referrer has the token');
  await page.goto(url);
  assert.match(await page.locator('#problem').textContent(), /used already/);

  // The dashboard's grant began by the terminal's, and the browser ends with it.
  const { grants } = await (await ask('/grants', 'GET')).json();
  assert.deepEqual(grants.map(({ type, current }) => [type, current]).sort(), [['native', true], ['web', false]]);
  const { id } = grants.find(({ current }) => current);
  assert.equal((await ask(`/grants/${id}`, 'DELETE')).status, 204);
  await page.goto(`${authority.issuer}/logout`);
  assert.equal(await page.locator('#signed-out').count(), 1);
  await assert.rejects(ask('/grants', 'GET'));
});

test('whoever was signed in there before is not any more', { skip }, async (t) => {
  const authority = await startAuthority(t, { www: true });
  const { context } = await openBrowser(t);
  const page = await context.newPage();
  const account = async (email) => {
    await page.locator('#account', { hasText: email }).waitFor();
    await page.waitForFunction(() => document.body?.dataset.state === 'signed-in');
  };
  for (const email of ['ada@example.com', 'bob@example.com']) {
    const { ask } = await terminal(authority, email);
    const { url } = await (await ask('/session/link', 'POST')).json();
    await page.goto(url);
    await page.locator('#sign-in:not([aria-disabled])').click();
    await page.waitForURL('**/dashboard/');
    await account(email);
  }
});

test('the dashboard runs under its policy and is fetched once', { skip }, async (t) => {
  const authority = await startAuthority(t, { www: true });
  const { context } = await openBrowser(t);
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.location().url.endsWith('/favicon.ico')) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  const open = async () => {
    await page.goto(`${authority.issuer}/dashboard/`);
    await page.waitForFunction(() => document.body?.dataset.state === 'signed-out');
  };
  await open();
  await open();
  await page.reload();
  await page.waitForFunction(() => document.body?.dataset.state === 'signed-out');
  await fetch(`${authority.issuer}/healthz`);
  await eventually(() => authority.count('/healthz', 200) === 1);
  const [sent, unchanged] = [200, 304].map((status) => authority.count('/assets/', status));
  assert.deepEqual([sent, unchanged], [2, 0], 'the package and its wasm, kept by their digest');
  assert.ok(authority.count('/dashboard/', 304) >= 2, 'the page itself is asked for again');
  assert.deepEqual(complaints, []);
  const blocked = await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'window.ran = true';
    document.body.append(script);
    return window.ran === undefined;
  });
  assert.ok(blocked, 'no inline script');
});
