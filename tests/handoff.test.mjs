// The dashboard signs the terminal in: the real command at a pseudo-terminal, real Chromium, our own authority.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startAuthority } from './support/authority.mjs';
import { chromiumMissing, openBrowser } from './support/chromium.mjs';
import { Dashboard } from './support/handoff.mjs';
import { eventually } from './support/process.mjs';
import { Company, scriptMissing } from './support/pty.mjs';
import { navigate } from './support/visitor.mjs';

const missing = chromiumMissing ?? scriptMissing();
const skip = missing && `${missing} is missing`;
const EMAIL = 'ada@example.com';

/** A terminal whose program is signed in by a dashboard; what it opens is written down. */
class Acme extends Company {
  constructor(t, issuer, dashboard, more = '') {
    super(t, 'cloudsignal', 'acme');
    writeFileSync(this.installed, `
name = "acme"
issuer = "${issuer}"
client_id = "gatepass-cli"
id_token_signed_response_alg = "ES256"
dashboard = "${dashboard}"
${more}
[storage]
place = "file"
file = "~/.acme/credentials.json"
[login]
via = "dashboard"
`);
    this.opened = join(this.home, 'opened');
    const opener = join(this.home, 'bin/opener');
    writeFileSync(opener, '#!/bin/sh\nprintf %s "$1" > "$HOME/opened.new" && mv "$HOME/opened.new" "$HOME/opened"\n');
    chmodSync(opener, 0o755);
    this.env.USER = 'ada';
    this.browser = { BROWSER: opener };
  }

  /** Begins a login; gives the program, the page's address, what was asked there, and the words. */
  async begin(line = 'acme login', env = this.browser) {
    const program = this.at(line, env);
    const [, words] = await program.shows(/compare these three words with the page: (\S+)/);
    const [, url] = await program.shows(/^ *(http\S+#v=1\S*)$/m);
    if (env.BROWSER) await eventually(() => existsSync(this.opened));
    if (env.BROWSER) assert.equal(readFileSync(this.opened, 'utf8'), url);
    return { program, url, words, asked: new URLSearchParams(new URL(url).hash.slice(1)) };
  }
}

async function house(t, { signedIn = true } = {}) {
  const dashboard = await Dashboard.start(t);
  const authority = await startAuthority(t, { config: dashboard.config });
  const { context } = await openBrowser(t);
  const page = await context.newPage();
  if (signedIn) await dashboard.signIn(authority, page, EMAIL);
  const acme = new Acme(t, authority.issuer, dashboard.origin);
  return { authority, dashboard, context, page, acme };
}

/** Takes a request to the authority's page. */
async function ask(page, url) {
  await page.goto(url);
  await page.locator('#continue').click();
  await page.locator('#handoff').waitFor();
}

const status = (page, word) => page.locator(`[data-status="${word}"]`).waitFor();

test('a grant of its own: the same words everywhere, a click, and the page says how it ended', { skip }, async (t) => {
  const { acme, page } = await house(t);
  const { program, url, words, asked } = await acme.begin();
  assert.match(asked.get('redirect_uri'), /^http:\/\/127\.0\.0\.1:\d+\/gatepass\/[\w-]{43}$/);
  await ask(page, url);
  assert.equal(await page.locator('#phrase').textContent(), words);
  assert.match(asked.get('device'), /^ada@/);
  assert.equal(await page.locator('#device').textContent(), asked.get('device'));
  await page.locator('#allow').click();
  await status(page, 'ok');
  const { code, screen } = await program.done();
  assert.equal(code, 0, screen);
  assert.match(screen, new RegExp(`as ${EMAIL}`));
  const shown = await acme.json('status');
  assert.equal(shown.code, 0);
  assert.doesNotMatch(page.url(), /code=|state=/);
});

test('a no is heard at once', { skip }, async (t) => {
  const { acme, page } = await house(t);
  const { program, url } = await acme.begin();
  await ask(page, url);
  await page.locator('#deny').click();
  await status(page, 'denied');
  const { code, screen } = await program.done();
  assert.notEqual(code, 0);
  assert.match(screen, /access was denied in the browser/);
});

test('over SSH a code is typed, and a wrong one is said and forgotten', { skip }, async (t) => {
  const { acme, page } = await house(t);
  const { program, url, asked } = await acme.begin('acme login', { SSH_CONNECTION: '10.0.0.1 1 10.0.0.2 22' });
  assert.equal(asked.get('redirect_uri'), null);
  await program.shows('the browser cannot come back here');
  await ask(page, url);
  assert.equal((await page.locator('#port').textContent()).trim(), 'a code that you type there');
  await page.locator('#allow').click();
  const shown = (await page.locator('#code').textContent()).trim();
  const wrong = shown.startsWith('B') ? shown.replace('B', 'C') : `B${shown.slice(1)}`;
  program.type(`${wrong}\r`);
  await program.shows('that is not it: the server does not accept the code');
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
  assert.equal(await page.locator('#phrase').textContent(), started.words);
  await page.locator('#allow').click();
  const shown = (await page.locator('#code').textContent()).trim();
  const finish = async (typed) => acme.line(`sh -c 'echo ${typed} | acme login --finish ${started.handle} --email ${EMAIL}'`);
  assert.equal((await finish('BCDF-GHJK')).code, 1);
  const { code, screen } = await finish(shown);
  assert.equal(code, 0, screen);
});

test('whatever strangers send, the person still signs in', { skip }, async (t) => {
  const { acme, page, context } = await house(t);
  const { program, url, asked } = await acme.begin();
  const [way, iss] = [asked.get('redirect_uri'), asked.get('iss')];
  // Another program's page on this machine, in the person's own browser, which has found the address and not the secret.
  const other = await Dashboard.start(t, { '/': ['text/html', `<form method="post" action="${way}"><input name="state" value="x"><input name="code" value="c"><input name="iss" value="${iss}"></form><script>document.forms[0].submit()</script>`] });
  const stranger = await context.newPage();
  const answered = stranger.waitForResponse(way);
  await stranger.goto(`${other.origin}/`, { waitUntil: 'commit' });
  assert.equal((await answered).status(), 400);
  await program.shows('something called that belongs to another login');
  const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: 'null' };
  const post = async (form, more) => (await navigate(way, { method: 'POST', headers: { ...headers, ...more }, body: String(new URLSearchParams(form)) })).status;
  assert.equal(await post({ error: 'access_denied', state: 'x', iss }), 400, 'an error of a stranger aborts nothing');
  assert.equal(await post({ error: 'access_denied' }), 400);
  assert.equal(await post({ code: 'theirs', iss }), 400, 'nor does a code without the secret (login CSRF)');
  const right = { code: 'c', state: asked.get('state'), iss };
  assert.equal(await post(right, { host: 'dashboard.test' }), 421, 'nor does a name that was pointed here (DNS rebinding)');
  await ask(page, url);
  await page.locator('#allow').click();
  await status(page, 'ok');
  const { code, screen } = await program.done();
  assert.equal(code, 0, screen);
  await assert.rejects(post({ code: 'again', state: asked.get('state'), iss }), 'nobody listens any more');
});

test('what the dashboard cannot do is refused with words', { skip }, async (t) => {
  const { acme } = await house(t, { signedIn: false });
  const refused = async (line, words) => {
    const { code, screen } = await acme.line(line, acme.browser);
    assert.equal(code, 2, screen);
    assert.match(screen.replaceAll('\n', ' '), words);
  };
  await refused('acme login --switch', /change the account there/);
  await refused('acme login --via dashboard --auth-flow device_code', /leave --via or --auth-flow out/);
  const nobody = await acme.run('login');
  assert.equal(nobody.code, 2);
  assert.match(nobody.stderr, /login --start/);
});
