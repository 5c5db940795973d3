// A dashboard full of somebody else's script, on the authority's own origin: the worst case of a handoff.
import { createHash, randomBytes, sign } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { startAuthority } from './authority.mjs';
import { cleanUp, folder } from './process.mjs';

const EMAIL = 'user@example.com';
const encoded = (bytes) => Buffer.from(bytes).toString('base64url');
const digest = (value) => encoded(createHash('sha256').update(value).digest());

/** Starts the authority with these scripts in its dashboard; each runs as `/dashboard/NAME`, with the page's address after `#`. */
export async function startHostile(t, scripts, config) {
  const www = folder(t, 'hostile');
  mkdirSync(join(www, 'dashboard'));
  for (const [name, script] of Object.entries({ callback: '', ...scripts })) {
    const html = `<!doctype html><title>${name}</title><button id="bait">Something harmless</button><script src="${name}.js"></script>`;
    writeFileSync(join(www, 'dashboard', `${name}.html`), html);
    writeFileSync(join(www, 'dashboard', `${name}.js`), script);
  }
  return startAuthority(t, { www, config });
}

/** A sign-in of the dashboard: the address to open, and how the address that it ends at becomes an access token. */
export function dashboardRequest(authority) {
  const verifier = encoded(randomBytes(32));
  const redirectUri = `${authority.issuer}/dashboard/callback.html`;
  const query = new URLSearchParams({
    client_id: 'gatepass-dashboard',
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid email profile',
    code_challenge: digest(verifier),
    code_challenge_method: 'S256',
  });
  const trade = async (end) => {
    const code = new URL(end).searchParams.get('code');
    const body = new URLSearchParams({ grant_type: 'authorization_code', client_id: 'gatepass-dashboard', redirect_uri: redirectUri, code, code_verifier: verifier });
    const response = await fetch(`${authority.issuer}/oauth/token`, { method: 'POST', body });
    return (await response.json()).access_token;
  };
  return { address: `${authority.issuer}/authorize?${query}`, trade };
}

/** Signs a person in in real Chromium, as the dashboard does, and gives its access token. */
export async function signInThere(authority, page) {
  const { address, trade } = dashboardRequest(authority);
  await page.goto(address);
  await page.locator('#email').fill(EMAIL);
  await page.locator('#continue').click();
  await page.locator('#enter-code').waitFor();
  await page.goto((await authority.letter(EMAIL)).link);
  await page.locator('#open-link #sign-in').click();
  await page.waitForURL('**/dashboard/callback*');
  return trade(page.url());
}

/** The listener of a terminal: everything that comes, and an answer that leads back to the dashboard. */
export async function startListener(t, back) {
  const requests = [];
  const server = http.createServer(async (request, response) => {
    if (request.url === '/favicon.ico') return response.writeHead(404).end();
    requests.push({ method: request.method, url: request.url, headers: request.headers, body: await text(request) });
    response.writeHead(303, { location: back }).end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp(t, () => server.close());
  return { requests, redirectUri: `http://127.0.0.1:${server.address().port}/gatepass/${encoded(randomBytes(24))}` };
}

/** Hands in what a terminal asks for, with `more` of its own; gives the fields and the address to open. */
export async function handIn(authority, token, redirectUri, more = {}) {
  const fields = {
    v: '1',
    iss: authority.issuer,
    client_id: 'gatepass-cli',
    ...(redirectUri && { redirect_uri: redirectUri }),
    response_type: 'code',
    scope: 'openid email',
    state: encoded(randomBytes(32)),
    code_challenge: digest(encoded(randomBytes(32))),
    code_challenge_method: 'S256',
    dpop_jkt: digest('key'),
    device: 'ada@thinkpad',
    ...more,
  };
  const headers = { authorization: `Bearer ${token}`, origin: authority.issuer };
  const response = await fetch(`${authority.issuer}/oauth/handoff`, { method: 'POST', headers, body: new URLSearchParams(fields) });
  const answer = await response.json();
  if (response.status !== 201) throw new Error(JSON.stringify(answer));
  return { fields, ...answer };
}

function publicJwk({ publicKey }) {
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
  return { crv, kty, x, y };
}

/** RFC 7638. */
export const thumbprint = (key) => digest(JSON.stringify(publicJwk(key)));

/** Asks for tokens with a proof by a key, or without one. */
export async function redeem(authority, form, key) {
  const url = `${authority.issuer}/oauth/token`;
  const proof = (nonce) => {
    const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: publicJwk(key) };
    const claims = { htm: 'POST', htu: url, iat: Math.floor(Date.now() / 1000), jti: encoded(randomBytes(16)), ...(nonce && { nonce }) };
    const input = [header, claims].map((part) => encoded(JSON.stringify(part))).join('.');
    return `${input}.${encoded(sign('sha256', input, { key: key.privateKey, dsaEncoding: 'ieee-p1363' }))}`;
  };
  const send = async (nonce) => {
    const response = await fetch(url, { method: 'POST', body: new URLSearchParams(form), headers: key ? { dpop: proof(nonce) } : {} });
    return { status: response.status, nonce: response.headers.get('dpop-nonce'), answer: await response.json() };
  };
  const first = await send();
  return first.answer.error === 'use_dpop_nonce' ? send(first.nonce) : first;
}
