// The dashboard signs the terminal in: the real command at a pseudo-terminal, real Chromium, our own authority and its
// dashboard as it is shipped.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { listen, signInAt } from './support/app.mjs';
import { startAuthority } from './support/authority.mjs';
import { chromiumMissing, openBrowser } from './support/chromium.mjs';
import { Acme, Dashboard, ask, at, signInThere } from './support/handoff.mjs';
import { eventually } from './support/process.mjs';
import { scriptMissing } from './support/pty.mjs';
import { wwwMissing } from './support/tree.mjs';
import { navigate } from './support/visitor.mjs';

const missing = chromiumMissing ?? scriptMissing() ?? wwwMissing;
const skip = missing && `${missing} is missing`;
const EMAIL = 'ada@example.com';

async function house(t, { signedIn = true } = {}) {
  const authority = await startAuthority(t, { www: true });
  const { context } = await openBrowser(t);
  const page = await context.newPage();
  const addresses = [];
  context.on('request', (request) => addresses.push(request.url()));
  if (signedIn) await signInThere(authority, page, EMAIL);
  return { authority, context, page, addresses, acme: new Acme(t, authority) };
}

/** Presses Allow and waits until terminal and page say that it is done. */
async function allow(page, program) {
  await page.locator('#allow:not([aria-disabled])').click();
  await at(page, 'ok');
  const { code, screen } = await program.done();
  assert.equal(code, 0, screen);
  assert.match(screen, new RegExp(`as ${EMAIL}`));
}

/** What waits for a terminal that was told no. */
async function refused(program) {
  const { code, screen } = await program.done();
  assert.notEqual(code, 0);
  assert.match(screen, /access was denied in the browser/);
}

const words = (page) => page.locator('#phrase').textContent();

test('signed in already: the same words in all three places, two clicks, and no address, history or log tells anything', { skip }, async (t) => {
  const { acme, authority, page, addresses } = await house(t);
  const { program, url, words: shown, asked } = await acme.begin();
  assert.match(asked.get('redirect_uri'), /^http:\/\/127\.0\.0\.1:\d+\/gatepass\/[\w-]{43}$/);
  await page.goto(url);
  await at(page, 'question');
  assert.equal(page.url(), `${authority.issuer}/dashboard/cli`, 'what was asked has left the address');
  assert.equal(await words(page), shown);
  assert.match(asked.get('device'), /^ada@/);
  assert.equal(await page.locator('#device').textContent(), asked.get('device'));
  assert.ok((await page.locator('#cli-account').textContent()).includes(EMAIL));
  assert.ok((await page.locator('#port').textContent()).includes(new URL(asked.get('redirect_uri')).port));
  await page.locator('#continue').click();
  await page.locator('#handoff').waitFor();
  assert.equal(await words(page), shown);
  assert.equal(await page.locator('#device').textContent(), asked.get('device'));
  await allow(page, program);
  assert.equal(page.url(), `${authority.issuer}/dashboard/cli#status=ok`);
  const status = await acme.json('status');
  assert.equal(status.code, 0);
  // A grant of its own: each refreshes its session, and ends nobody's.
  const refreshes = () => authority.count('POST /oauth/token', 200);
  const before = refreshes();
  acme.later(3601);
  authority.later(3601);
  assert.equal((await acme.json('token')).code, 0);
  assert.equal(refreshes(), before + 1);
  await page.goto(`${authority.issuer}/dashboard/`);
  await at(page, 'signed-in');
  await page.locator('#details summary').click();
  await page.locator('#refresh').click();
  // The page may have asked already: the server called its token old.
  await eventually(() => refreshes() >= before + 2);
  acme.later(7202);
  authority.later(7202);
  assert.equal((await acme.json('token')).code, 0);

  const secrets = ['state', 'code_challenge', 'dpop_jkt'].map((name) => asked.get(name));
  const { stdout, stderr } = authority.program;
  assert.deepEqual(secrets.filter((secret) => (stdout + stderr).includes(secret)), [], 'nor does the log of the server tell anything');
  const callback = addresses.filter((address) => address.includes('/gatepass/'));
  assert.deepEqual([...new Set(callback)], [asked.get('redirect_uri')], 'no code in an address');
  assert.deepEqual(addresses.filter((address) => secrets.some((secret) => address.split('#')[0].includes(secret))), []);
  const history = await page.evaluate(() => navigation.entries().map(({ url }) => url));
  assert.deepEqual(history.filter((address) => secrets.some((secret) => address?.includes(secret))), []);
});

test('signed out: the request waits for a sign-in', { skip }, async (t) => {
  const { acme, authority, page } = await house(t, { signedIn: false });
  const { program, url, words: shown } = await acme.begin();
  await page.goto(url);
  await at(page, 'signed-out');
  assert.equal(await words(page), shown);
  assert.equal(await page.locator('#continue').textContent(), 'Sign in');
  await page.locator('#continue').click();
  await signInAt(authority, page, EMAIL);
  await at(page, 'question');
  assert.equal(page.url(), `${authority.issuer}/dashboard/cli`);
  assert.equal(await words(page), shown);
  await page.locator('#continue').click();
  await page.locator('#handoff').waitFor();
  await allow(page, program);
});

test('a no on the dashboard is heard at once, without anybody signed in', { skip }, async (t) => {
  const { acme, page } = await house(t, { signedIn: false });
  const { program, url } = await acme.begin();
  await page.goto(url);
  await at(page, 'signed-out');
  await page.locator('#deny:not([aria-disabled])').click();
  await at(page, 'denied');
  await refused(program);
});

test('a no on the page of the issuer is heard at once', { skip }, async (t) => {
  const { acme, page } = await house(t);
  const { program, url } = await acme.begin();
  await ask(page, url);
  await page.locator('#deny:not([aria-disabled])').click();
  await at(page, 'denied');
  await refused(program);
});

test('over SSH a code is typed, and a wrong one is said and forgotten', { skip }, async (t) => {
  const { acme, page } = await house(t);
  const { program, url, asked } = await acme.begin('acme login', { SSH_CONNECTION: '10.0.0.1 1 10.0.0.2 22' });
  assert.equal(asked.get('redirect_uri'), null);
  await program.shows('the browser cannot come back here');
  await page.goto(url);
  await at(page, 'question');
  assert.match(await page.locator('#port').textContent(), /a code that you type/);
  await page.locator('#deny:not([aria-disabled])').click();
  await at(page, 'gone');
  // Nobody could tell the terminal; the same address asks again.
  await page.goto('about:blank');
  await ask(page, url);
  assert.equal((await page.locator('#port').textContent()).trim(), 'a code that you type there');
  await page.locator('#allow:not([aria-disabled])').click();
  const shown = (await page.locator('#code').textContent()).trim();
  const wrong = shown.startsWith('B') ? shown.replace('B', 'C') : `B${shown.slice(1)}`;
  program.type('http://no-code\r');
  await program.shows("that is not the page's code: eight letters");
  program.type(`${wrong}\r`);
  await program.shows('the server does not know this code: mistyped');
  program.type(shown.toLowerCase().replace('-', ''));
  await program.shows(/code: [a-z]{8}, Enter: send/);
  program.type('\r');
  await program.shows(`as ${EMAIL}? [y/N]`);
  program.type('y\r');
  const { code, screen } = await program.done();
  assert.equal(code, 0, screen);
});

test('a login in two processes takes the code, from stdin', { skip }, async (t) => {
  const { acme, page } = await house(t);
  const started = await acme.json('login', '--start');
  assert.match(started.words, /^\w{5}-\w{5}-\w{5}$/);
  await ask(page, started.url);
  assert.equal(await words(page), started.words);
  await page.locator('#allow:not([aria-disabled])').click();
  const shown = (await page.locator('#code').textContent()).trim();
  const finish = async (typed) => acme.line(`sh -c 'echo ${typed} | acme login --finish ${started.handle} --email ${EMAIL}'`);
  assert.equal((await finish('BCDF-GHJK')).code, 1);
  const { code, screen } = await finish(shown);
  assert.equal(code, 0, screen);
});

test('who sends a link and waits gets nothing without the code that the page shows', { skip }, async (t) => {
  const { acme: theirs, page } = await house(t);
  const started = await theirs.json('login', '--start');
  // Somebody else is talked into it.
  await ask(page, started.url);
  assert.match(await page.locator('.problem').first().textContent(), /Did somebody send you here/);
  await page.locator('#allow:not([aria-disabled])').click();
  assert.match(await page.locator('.problem').textContent(), /Give it to nobody/);
  const shown = (await page.locator('#code').textContent()).trim();
  const finish = async (typed) => (await theirs.line(`sh -c 'echo ${typed} | acme login --finish ${started.handle} --email ${EMAIL}'`)).code;
  for (const guess of ['BCDF-GHJK', 'BCDF-GHJL', 'BCDF-GHJM', 'BCDF-GHJN', 'BCDF-GHJP']) assert.equal(await finish(guess), 1, guess);
  assert.notEqual(await finish(shown), 0, 'after five tries even the right one is nothing');
  assert.ok(!existsSync(theirs.kept));
});

test('a browser that sends no form there follows a link', { skip }, async (t) => {
  const { acme, context, page } = await house(t);
  const { program, url, asked } = await acme.begin();
  let kept = 0;
  await context.route(asked.get('redirect_uri'), (route) => {
    kept += 1;
    // The window stays where it is, as where a browser keeps a form from a plain address.
    return route.abort('aborted');
  });
  await ask(page, url);
  await page.locator('#allow:not([aria-disabled])').click();
  await page.locator('#link').click();
  await at(page, 'ok');
  assert.equal(kept, 1);
  const { code, screen } = await program.done();
  assert.equal(code, 0, screen);
  assert.match(page.url(), /\/dashboard\/cli#status=ok$/);
});

test('a link that was changed on its way shows other words, and its code is of use to nobody', { skip }, async (t) => {
  const { acme, page } = await house(t);
  const { program, url, words: shown, asked } = await acme.begin();
  // Somebody else's key and verifier, for a code that comes back here.
  for (const name of ['dpop_jkt', 'code_challenge']) asked.set(name, 'A'.repeat(43));
  await page.goto(`${url.split('#')[0]}#${asked}`);
  await at(page, 'question');
  const theirs = await words(page);
  assert.notEqual(theirs, shown);
  await page.locator('#continue').click();
  await page.locator('#handoff').waitFor();
  assert.equal(await words(page), theirs, 'the issuer does not take the dashboard at its word');
  // Whoever compares nothing.
  await page.locator('#allow:not([aria-disabled])').click();
  await at(page, 'failed');
  const { code, screen } = await program.done();
  assert.notEqual(code, 0, screen);
  assert.ok(!existsSync(acme.kept), 'nothing is kept');
});

test('a link that answers anywhere but at a terminal is refused whole', { skip }, async (t) => {
  const { acme, authority, page, addresses } = await house(t);
  const { program, url, asked } = await acme.begin();
  // An innocent service of this machine.
  const heard = [];
  const service = await listen(t, (request, response) => response.end(heard.push(request.url)));
  const way = new URL(asked.get('redirect_uri'));
  const before = addresses.length;
  for (const target of [
    'https://evil.example/gatepass/0123456789abcdefghij_-', `http://192.168.0.2:${way.port}${way.pathname}`, `http://localhost:${way.port}${way.pathname}`,
    `http://127.0.0.1@evil.example:${way.port}${way.pathname}`, `http://127.0.0.1:22${way.pathname}`, `${service}/`, `${service}/admin?delete=all`, 'javascript:alert(1)//gatepass/',
  ]) {
    asked.set('redirect_uri', target);
    await page.goto('about:blank');
    await page.goto(`${url.split('#')[0]}#${asked}`);
    await at(page, 'failed');
    assert.equal(await page.locator('#error').getAttribute('data-code'), 'handoff_rejected', target);
    assert.ok(await page.locator('#request').isHidden(), 'there is nothing to press');
    assert.ok(!page.url().includes('#'), 'nor is it in the address any more');
    await page.reload();
    await at(page, 'none');
  }
  assert.deepEqual(heard, []);
  const { origin } = new URL(authority.issuer);
  assert.deepEqual(addresses.slice(before).filter((address) => !address.startsWith(origin) && !address.startsWith('data:')), []);
  assert.equal(authority.count('POST /oauth/handoff', 201), 0);
  program.kill();
});

test('opening a link sends nothing: not by itself, not by a key, not in a frame', { skip }, async (t) => {
  const { acme, authority, page, addresses, context } = await house(t);
  const { program, url, asked } = await acme.begin();
  await page.goto(url);
  await at(page, 'question');
  for (const key of ['Enter', 'Space']) await page.keyboard.press(key);
  // The first button is the one that gives nothing away.
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'deny');
  await page.reload();
  await at(page, 'question');
  // Another site that shows the page within its own.
  const evil = await listen(t, (_request, response) => response.setHeader('content-type', 'text/html').end(`<!doctype html><iframe src="${url.replaceAll('&', '&amp;')}"></iframe>`));
  const bait = await context.newPage();
  const refusal = bait.waitForEvent('console', (said) => said.text().includes('frame-ancestors'));
  await bait.goto(evil);
  await refusal;
  assert.equal(authority.count('POST /oauth/handoff', 201), 0);
  assert.ok(addresses.every((address) => !address.startsWith(asked.get('redirect_uri'))));
  assert.equal(program.end, undefined, 'the terminal waits');
  await page.bringToFront();
  await page.locator('#continue').click();
  await page.locator('#handoff').waitFor();
  await allow(page, program);
});

test('the terminal listens before anything is opened', { skip }, async (t) => {
  const { acme, page } = await house(t);
  const opener = join(acme.home, 'bin/knock');
  const seen = join(acme.home, 'knocked');
  writeFileSync(opener, `#!/usr/bin/env node
const way = new URLSearchParams(process.argv[2].split('#')[1]).get('redirect_uri');
require('node:net').connect({ host: '127.0.0.1', port: new URL(way).port })
  .on('connect', () => { require('node:fs').writeFileSync(process.env.HOME + '/knocked', 'open'); process.exit(); })
  .on('error', (error) => require('node:fs').writeFileSync(process.env.HOME + '/knocked', error.code));
`);
  chmodSync(opener, 0o755);
  const program = acme.at('acme login', { BROWSER: opener });
  await eventually(() => existsSync(seen) && readFileSync(seen, 'utf8'));
  assert.equal(readFileSync(seen, 'utf8'), 'open');
  const [, url] = await program.shows(/^ *(http\S+#v=1\S*)$/m);
  await ask(page, url);
  await allow(page, program);
});

test('a dashboard of other make, with a server of its own', { skip }, async (t) => {
  const dashboard = await Dashboard.start(t);
  const authority = await startAuthority(t, { config: dashboard.config });
  const { context } = await openBrowser(t);
  const page = await context.newPage();
  await dashboard.signIn(authority, page, EMAIL);
  const acme = new Acme(t, { issuer: authority.issuer, dashboard: dashboard.origin });
  const { program, url, words: shown } = await acme.begin();
  await page.goto(url);
  await page.locator('#continue').click();
  await page.locator('#handoff').waitFor();
  assert.equal(await words(page), shown);
  await page.locator('#allow:not([aria-disabled])').click();
  await page.locator('[data-status="ok"]').waitFor();
  const { code, screen } = await program.done();
  assert.equal(code, 0, screen);
});

test('whatever strangers send, the person still signs in', { skip }, async (t) => {
  const { acme, page, context } = await house(t);
  const { program, url, asked } = await acme.begin();
  const [way, iss] = [asked.get('redirect_uri'), asked.get('iss')];
  // Another program's page on this machine, in the person's own browser, which has found the address and not the secret.
  const other = await listen(t, (_request, response) => response.setHeader('content-type', 'text/html').end(`<form method="post" action="${way}"><input name="state" value="x"><input name="code" value="c"><input name="iss" value="${iss}"></form><script>document.forms[0].submit()</script>`));
  const stranger = await context.newPage();
  const answered = stranger.waitForResponse(way);
  await stranger.goto(other, { waitUntil: 'commit' });
  assert.equal((await answered).status(), 400);
  await program.shows('something called that belongs to another login');
  const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: 'null' };
  const send = async (method, more, body) => {
    const answer = await navigate(way, { method, headers: { ...headers, ...more }, body });
    assert.deepEqual([...answer.headers.keys()].filter((name) => name.startsWith('access-control-')), [], 'no page may read it');
    return answer.status;
  };
  const post = (form, more) => send('POST', more, String(new URLSearchParams(form)));
  assert.ok(await send('OPTIONS', { 'access-control-request-method': 'POST', 'access-control-request-private-network': 'true' }) >= 400);
  assert.equal(await post({ error: 'access_denied', state: 'x', iss }), 400, 'an error of a stranger aborts nothing');
  assert.equal(await post({ error: 'access_denied' }), 400);
  assert.equal(await post({ code: 'theirs', iss }), 400, 'nor does a code without the secret (login CSRF)');
  const right = { code: 'c', state: asked.get('state'), iss };
  assert.equal(await post(right, { host: 'dashboard.test' }), 421, 'nor does a name that was pointed here (DNS rebinding)');
  await ask(page, url);
  await page.locator('#allow:not([aria-disabled])').click();
  await at(page, 'ok');
  const { code, screen } = await program.done();
  assert.equal(code, 0, screen);
  await assert.rejects(post({ code: 'again', state: asked.get('state'), iss }), 'nobody listens any more');
});

test('what the dashboard cannot do is refused with words', { skip }, async (t) => {
  const { acme } = await house(t, { signedIn: false });
  const says = async (line, words) => {
    const { code, screen } = await acme.line(line, acme.browser);
    assert.equal(code, 2, screen);
    assert.match(screen.replaceAll('\n', ' '), words);
  };
  await says('acme login --switch', /change the account there/);
  await says('acme login --via dashboard --auth-flow device_code', /leave --via or --auth-flow out/);
  const nobody = await acme.run('login');
  assert.equal(nobody.code, 2);
  assert.match(nobody.stderr, /login --start/);
});
