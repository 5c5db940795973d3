// People whose organization signs them in: our authority in front of an OpenID provider written by others.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { startAuthority } from './support/authority.mjs';
import { chromiumMissing, openBrowser } from './support/chromium.mjs';
import { freePort } from './support/process.mjs';
import { startUpstream } from './support/provider.mjs';
import { Visitor } from './support/visitor.mjs';

const CALLBACK = 'http://127.0.0.1:53123/callback';
const stop = (url) => url.startsWith(CALLBACK);

const people = {
  ada: { email: 'ada@example.com', email_verified: true },
  unproven: { email: 'unproven@example.com', email_verified: false },
  stranger: { email: 'stranger@elsewhere.example', email_verified: true },
};

/** An authority that sends people of `example.com` to a provider, and what that provider was asked. */
async function start(t) {
  const port = await freePort();
  const clientSecret = randomBytes(24).toString('base64url');
  const config = `
[[organization]]
id = "550e8400-e29b-41d4-a716-446655440000"
name = "Example"
domains = ["example.com"]

[[connection]]
id = "oidc"
name = "Example SSO"
issuer = "http://127.0.0.1:${port}"
client_id = "gatepass"
client_secret = "${clientSecret}"
domains = ["example.com"]
`;
  const authority = await startAuthority(t, { config });
  const { provider } = await startUpstream(t, { port, clientSecret, redirectUri: `${authority.issuer}/oauth/callback/oidc`, people });
  const granted = [];
  provider.on('grant.success', (context) => granted.push(context.oidc.params.grant_type));
  return { authority, granted };
}

/** The authorization request of a command, with its verifier. */
function request(authority, extra = {}) {
  const verifier = randomBytes(32).toString('base64url');
  const url = new URL(`${authority.issuer}/authorize`);
  url.search = new URLSearchParams({
    client_id: 'gatepass-cli', redirect_uri: CALLBACK, response_type: 'code', scope: 'openid email', state: 's',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256', ...extra,
  });
  return { url: url.href, verifier };
}

/** Signs in on the provider's own pages; gives the page of ours at which the browser comes back. */
async function signInThere(visitor, name) {
  assert.match(visitor.page.html, /Sign-in/, visitor.page.html);
  await visitor.submit({ login: name, password: 'x' });
  return /name="prompt" value="consent"/.test(visitor.page.html) ? visitor.submit({}) : visitor.page;
}

/** Allows the command and gives its tokens. */
async function tokens(authority, visitor, verifier) {
  const { url } = await visitor.submit({}, { button: 'allow', stop });
  return exchange(authority, new URL(url).searchParams.get('code'), verifier);
}

async function exchange(authority, code, verifier) {
  const body = new URLSearchParams({ grant_type: 'authorization_code', client_id: 'gatepass-cli', redirect_uri: CALLBACK, code, code_verifier: verifier });
  const answer = await fetch(`${authority.issuer}/oauth/token`, { method: 'POST', body });
  assert.equal(answer.status, 200);
  return answer.json();
}

test('an address of the domain signs in at its provider, and belongs to its organization', async (t) => {
  const { authority, granted } = await start(t);
  const visitor = new Visitor();
  const { url, verifier } = request(authority);
  await visitor.open(url);
  const page = await visitor.submit({ email: 'Ada@Example.com' });
  assert.equal(await authority.letter('ada@example.com'), undefined, 'no letter');
  const address = page.headers.get('refresh').replace(/^0;url=/, '');
  await visitor.open(address);
  const consent = await signInThere(visitor, 'ada');
  assert.match(consent.html, /id="account">ada@example\.com</);
  const { access_token: token } = await tokens(authority, visitor, verifier);
  assert.deepEqual(granted, ['authorization_code']);
  const get = async (path) => (await fetch(`${authority.issuer}${path}`, { headers: { authorization: `Bearer ${token}` } })).json();
  assert.equal((await get('/userinfo')).email, 'ada@example.com');
  assert.deepEqual(await get('/orgs'), { organizations: [{ id: '550e8400-e29b-41d4-a716-446655440000', name: 'Example', role: 'member', default: true }] });
});

test('a hint of the domain goes straight there, and once signed in there nobody types anything', async (t) => {
  const { authority, granted } = await start(t);
  const visitor = new Visitor();
  const first = request(authority, { domain_hint: 'example.com' });
  await visitor.open(first.url);
  await signInThere(visitor, 'ada');
  assert.match(visitor.page.html, /id="consent"/);
  // Another sign-in is asked for; the provider asks again too.
  const again = request(authority, { login_hint: 'ada@example.com', prompt: 'login' });
  await visitor.open(again.url);
  const consent = await signInThere(visitor, 'ada');
  assert.match(consent.html, /id="consent"/);
  await tokens(authority, visitor, again.verifier);
  assert.deepEqual(granted, ['authorization_code', 'authorization_code']);
  // A person signed out here, and still signed in there, comes back by redirects alone.
  await visitor.open(`${authority.issuer}/logout`);
  await visitor.submit({});
  const silent = request(authority, { domain_hint: 'example.com' });
  const page = await visitor.open(silent.url);
  assert.match(page.html, /id="consent"/);
  assert.equal(granted.length, 3);
});

test('nobody gets in by an address that is not proven or not of the domain, nor by saying no', async (t) => {
  const { authority } = await start(t);
  for (const [name, words] of [['unproven', /has not confirmed your e-mail address/], ['stranger', /an address of another domain/]]) {
    const visitor = new Visitor();
    await visitor.open(request(authority, { domain_hint: 'example.com' }).url);
    const page = await signInThere(visitor, name);
    assert.deepEqual([page.status, new URL(page.url).origin], [400, authority.issuer]);
    assert.match(page.html, words);
    assert.match((await visitor.open(`${authority.issuer}/logout`)).html, /id="signed-out"/);
  }
  const visitor = new Visitor();
  await visitor.open(request(authority, { domain_hint: 'example.com' }).url);
  const [, abort] = /href="([^"]+\/abort)"/.exec(visitor.page.html);
  const page = await visitor.open(new URL(abort, visitor.page.url).href);
  assert.match(page.html, /said no, or you did/);
  // Whoever meant another address gives it there, and gets a letter.
  await visitor.submit({ email: 'guest@elsewhere.example' });
  assert.ok(await authority.letter('guest@elsewhere.example'));
});

test('a real browser goes on to the provider and back by itself, under the policies of our pages', { skip: chromiumMissing }, async (t) => {
  const { authority } = await start(t);
  const { context } = await openBrowser(t);
  const page = await context.newPage();
  const { url, verifier } = request(authority);
  await page.goto(url);
  await page.fill('#email', 'ada@example.com');
  await page.click('#continue');
  await page.waitForSelector('input[name=login]');
  assert.notEqual(new URL(page.url()).origin, authority.issuer);
  await page.fill('input[name=login]', 'ada');
  await page.fill('input[name=password]', 'x');
  await page.click('button[type=submit]');
  await page.click('button[type=submit]');
  await page.waitForSelector('#consent');
  assert.equal(await page.textContent('#account'), 'ada@example.com');
  const arrived = page.waitForRequest((asked) => stop(asked.url()));
  await page.click('#allow:not([aria-disabled])');
  const code = new URL((await arrived).url()).searchParams.get('code');
  assert.equal(typeof (await exchange(authority, code, verifier)).access_token, 'string');
});
