// An issuer that makes no second grant: the dashboard's own session moves into the terminal. npm oidc-provider, our
// dashboard as it is shipped on an origin of its own, real Chromium, the real command.
import assert from 'node:assert/strict';
import { createECDH, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { sealPsk } from '../www/shared/hpke.js';
import { meant } from '../www/shared/phrase.js';
import { chromiumMissing, close, openBrowser } from './support/chromium.mjs';
import { Acme, at, serveDashboard } from './support/handoff.mjs';
import { eventually } from './support/process.mjs';
import { startDashboardProvider } from './support/provider.mjs';
import { scriptMissing } from './support/pty.mjs';
import { searchFiles } from './support/terminal.mjs';
import { wwwMissing } from './support/tree.mjs';
import { navigate } from './support/visitor.mjs';

const missing = chromiumMissing ?? scriptMissing() ?? wwwMissing;
const skip = missing && `${missing} is missing`;
const EMAIL = 'ada@example.com';

/** Somebody signed in at the dashboard, and a terminal that takes a session. `heard` is every token that was issued. */
async function house(t, browser) {
  const site = await serveDashboard(t);
  const { issuer, provider } = await startDashboardProvider(t, `${site.origin}/dashboard/callback.html`);
  site.issuer = issuer;
  const { context, profile } = await openBrowser(t, undefined, browser);
  const heard = [];
  const addresses = [];
  const bodies = [];
  await context.route(`${issuer}/token`, async (route) => {
    const response = await route.fetch();
    const answer = await response.json();
    for (const name of ['access_token', 'refresh_token', 'id_token']) if (answer[name]) heard.push(answer[name]);
    await route.fulfill({ response });
  });
  context.on('request', (request) => {
    addresses.push(request.url());
    if (request.url().includes('/gatepass/')) bodies.push([request.method(), request.postData()]);
  });
  const page = await context.newPage();
  const home = `${site.origin}/dashboard/`;
  await page.goto(home);
  await at(page, 'signed-out');
  await page.locator('#sign-in').click();
  await page.locator('input[name=login]').fill(EMAIL);
  await page.locator('input[name=password]').fill('x');
  await page.locator('button[type=submit]').click();
  await page.getByText('Continue').click();
  await at(page, 'signed-in');
  assert.equal(heard.length, 3);
  const acme = new Acme(t, { issuer, dashboard: `${site.origin}/dashboard`, client: 'gatepass-dashboard', login: 'move = true' });
  return { acme, provider, site, home, context, profile, page, heard, addresses, bodies };
}

test('the session moves: it lives on in the terminal, and nowhere else', { skip }, async (t) => {
  const { acme, provider, site, home, context, profile, page, heard, addresses, bodies } = await house(t);
  const [others, hidden] = [await context.newPage(), await context.newPage()];
  for (const tab of [others, hidden]) {
    await tab.goto(home);
    await at(tab, 'signed-in');
  }
  const { program, url, words, asked } = await acme.begin();
  assert.match(asked.get('hpke'), /^B[\w-]{86}$/);
  await page.goto(url);
  await at(page, 'question');
  assert.equal(page.url(), `${site.origin}/dashboard/cli`);
  assert.equal(await page.locator('#phrase').textContent(), words);
  assert.ok(await page.locator('#moves').isVisible(), 'it says that this browser will be signed out');
  await page.locator('#continue').click();
  await at(page, 'ok');
  const { code, screen } = await program.done();
  assert.equal(code, 0, screen);

  // It is the dashboard's session, and it is alive.
  assert.equal((await acme.json('token')).access_token, heard[0]);
  const used = [];
  provider.on('grant.success', ({ oidc: { params } }) => used.push(params.refresh_token));
  acme.later(3601);
  const fresh = await acme.json('token');
  assert.equal(fresh.code, 0);
  assert.notEqual(fresh.access_token, heard[0]);
  acme.later(7202);
  assert.equal((await acme.json('token')).code, 0);
  assert.equal(used.length, 2);
  assert.equal(used[0], heard[1], 'the refresh token that the page had');
  assert.notEqual(used[1], used[0], 'rotated in the terminal');

  // Signed out here, in every tab, in those that come and in the database.
  for (const tab of [others, hidden]) await at(tab, 'signed-out');
  const fourth = await context.newPage();
  await fourth.goto(home);
  await at(fourth, 'signed-out');
  assert.equal(heard.length, 3, 'no tab has asked for tokens');

  // One form, sealed; no address and no history tells anything.
  assert.equal(bodies.length, 1);
  const [[method, body]] = bodies;
  assert.equal(method, 'POST');
  assert.deepEqual([...new URLSearchParams(body).keys()], ['enc', 'sealed', 'state', 'iss']);
  const secrets = [...heard, asked.get('state')];
  const told = (texts) => texts.filter((text) => secrets.some((secret) => text?.includes(secret)));
  assert.deepEqual(told([decodeURIComponent(body)].map((text) => text.replace(asked.get('state'), ''))), []);
  assert.deepEqual(told(addresses.map((address) => address.split('#')[0])), []);
  assert.deepEqual(told(await page.evaluate(() => navigation.entries().map(({ url }) => url))), []);
  await close(context, profile);
  assert.deepEqual(searchFiles(profile, heard), []);

  // On the terminal's side it lies where the manifest has it, and in no other file.
  assert.equal((statSync(acme.kept).mode & 0o777).toString(8), '600');
  const now = await acme.json('token');
  assert.ok(readFileSync(acme.kept, 'utf8').includes(now.access_token));
  assert.deepEqual(searchFiles(acme.home, [now.access_token, ...heard]), [acme.kept]);
});

for (const [how, error] of [['the window stays', 'aborted'], ['the person comes back', 'connectionrefused']]) {
  test(`where the form did not get there and ${how}, the page sends the session again`, { skip }, async (t) => {
    const { acme, context, page, bodies } = await house(t, { backForwardCache: true });
    const { program, url, asked } = await acme.begin();
    await context.route(asked.get('redirect_uri'), (route) => route.abort(error), { times: 1 });
    await page.goto(url);
    await at(page, 'question');
    await page.locator('#continue').click();
    if (error !== 'aborted') {
      await eventually(() => page.url().startsWith('chrome-error:'));
      // A page that was kept does not load again.
      await page.goBack({ waitUntil: 'commit' });
      await page.locator('body[data-state="sent"], body[data-state="none"]').waitFor();
      const loaded = await page.evaluate(() => performance.getEntriesByType('navigation')[0]?.type === 'back_forward');
      // Which pages it keeps is the browser's to say; what a dropped one had in its memory is gone.
      if (loaded) return t.skip('this browser did not keep the page');
    }
    await at(page, 'sent');
    assert.equal(await page.locator('#continue').textContent(), 'Send it again');
    assert.ok(await page.locator('#error').isHidden());
    assert.ok(await page.locator('#deny').isHidden(), 'there is nothing to deny any more');
    await page.locator('#continue').click();
    await at(page, 'ok');
    const { code, screen } = await program.done();
    assert.equal(code, 0, screen);
    assert.equal(bodies.length, 2);
    assert.equal(bodies[0][1], bodies[1][1], 'the same once more');
    assert.equal((await acme.json('token')).code, 0);
  });
}

test('a session that somebody else sealed is not taken, and the wait goes on', { skip }, async (t) => {
  const { acme, page } = await house(t);
  const { program, url, asked } = await acme.begin();
  const way = asked.get('redirect_uri');
  // They know the key and where to send it, and not the secret.
  const secret = randomBytes(32);
  const guess = new URLSearchParams(asked);
  guess.set('state', secret.toString('base64url'));
  const plaintext = `${JSON.stringify({ access_token: 'theirs' })}\n{}`;
  const { enc, sealed } = await sealPsk({ recipient: new Uint8Array(Buffer.from(asked.get('hpke'), 'base64url')), psk: new Uint8Array(secret), pskId: 'gatepass-handoff-v1', info: meant(Object.fromEntries(guess)), aad: way, plaintext });
  const [one, other] = [enc, sealed].map((bytes) => Buffer.from(bytes).toString('base64url'));
  const body = new URLSearchParams({ enc: one, sealed: other, state: guess.get('state'), iss: asked.get('iss') });
  const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: 'null' };
  assert.equal((await navigate(way, { method: 'POST', headers, body: String(body) })).status, 400);
  await program.shows('something called that belongs to another login');
  assert.ok(!existsSync(acme.kept));
  await page.goto(url);
  await at(page, 'question');
  await page.locator('#continue').click();
  await at(page, 'ok');
  const { code, screen } = await program.done();
  assert.equal(code, 0, screen);
  assert.doesNotMatch(readFileSync(acme.kept, 'utf8'), /theirs/);
});

test('a no keeps the session here', { skip }, async (t) => {
  const { acme, home, page, bodies } = await house(t);
  const { program, url } = await acme.begin();
  await page.goto(url);
  await at(page, 'question');
  await page.locator('#deny:not([aria-disabled])').click();
  await at(page, 'denied');
  const { code, screen } = await program.done();
  assert.notEqual(code, 0);
  assert.match(screen, /access was denied in the browser/);
  assert.deepEqual(bodies.map(([, body]) => [...new URLSearchParams(body).keys()]), [['error', 'state', 'iss']]);
  await page.goto(home);
  await at(page, 'signed-in');
});

test('a link with the key of somebody else shows other words, and what is sealed for it opens nowhere', { skip }, async (t) => {
  const { acme, page } = await house(t);
  const { program, url, words, asked } = await acme.begin();
  const theirs = createECDH('prime256v1');
  theirs.generateKeys();
  asked.set('hpke', theirs.getPublicKey('base64url'));
  await page.goto(`${url.split('#')[0]}#${asked}`);
  await at(page, 'question');
  assert.notEqual(await page.locator('#phrase').textContent(), words);
  await page.locator('#continue').click();
  await at(page, 'failed');
  const { code } = await program.done();
  assert.notEqual(code, 0);
  assert.ok(!existsSync(acme.kept));
});
