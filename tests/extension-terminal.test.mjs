// The extension and the terminal, both real: each asks the other for a token, and an API takes it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromiumMissing } from './support/chromium.mjs';
import { ID, finish, signedIn, startExtension } from './support/extension.mjs';
import { HOST } from './support/native.mjs';
import { signIn } from './support/authority.mjs';
import { folder, start } from './support/process.mjs';
import { scriptMissing, seen } from './support/pty.mjs';
import { Terminal } from './support/terminal.mjs';
import { wwwMissing } from './support/tree.mjs';
import { Visitor } from './support/visitor.mjs';

const missing = chromiumMissing ?? scriptMissing() ?? wwwMissing;
const skip = missing && `${missing} is missing`;

/** A terminal that is signed in, and a browser whose extension knows it; nobody is signed in there. */
async function house(t) {
  const profile = folder(t, 'profile');
  const site = await startExtension(t, { profile, native: { host: HOST } });
  const terminal = new Terminal(t, { issuer: site.authority.issuer, storage: 'file' });
  const { program, url } = await terminal.login();
  await signIn(site.authority, new Visitor(), url);
  assert.equal((await program.ended).code, 0, program.stderr);
  const installed = await terminal.run('extension', 'install', '--browser', 'chromium', '--id', ID, '--folder', profile);
  assert.equal(installed.code, 0, installed.stderr);
  const page = await site.popup();
  await page.locator('#terminal[data-state="unpaired"]').waitFor();
  return { ...site, terminal, page };
}

/** A person compares the words and says yes. */
async function pair(t, { terminal, page }, answer = 'y') {
  await page.locator('#pair').click();
  await page.locator('#terminal[data-state="pairing"]').waitFor();
  const program = start(t, 'script', ['--quiet', '--flush', '--return', '--command', `${terminal.bin} extension pair`, '/dev/null'], { env: terminal.env, keys: true });
  await program.until(({ stdout }) => seen(stdout).includes('[y/N]'));
  assert.ok(seen(program.stdout).includes(await page.locator('#phrase').textContent()), 'both show the same words');
  program.type(`${answer}\n`);
  await program.ended;
}

const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

test('the extension asks the terminal: narrowed, for minutes, for its own key', { skip }, async (t) => {
  const site = await house(t);
  const { authority, page } = site;
  await pair(t, site, 'n');
  await page.locator('#error[data-code="pairing_denied"]').waitFor();
  await pair(t, site);
  await page.locator('#terminal[data-state="paired"]').waitFor();

  // Nobody is signed in in the browser; the terminal's session answers.
  const { status, person, value } = await page.evaluate(async (issuer) => {
    const { connectGatepass } = await import('./gatepass/surface.js');
    const { terminal } = connectGatepass();
    const response = await terminal.fetch({ scope: 'openid email' }, `${issuer}/userinfo`);
    const { value } = await terminal.getAccessToken({ scope: 'openid' });
    return { status: response.status, person: await response.json(), value };
  }, authority.issuer);
  assert.equal(status, 200);
  assert.equal(person.email, 'user@example.com');
  const { scope, exp, iat, cnf, client_id } = claimsOf(value);
  assert.deepEqual([scope, client_id, exp - iat <= 300], ['openid', 'gatepass-cli', true]);
  assert.match(cnf.jkt, /^[\w-]{43}$/);
  const refused = await page.evaluate(async () => {
    const { connectGatepass } = await import('./gatepass/surface.js');
    return connectGatepass().terminal.getAccessToken({ scope: 'openid admin' }).catch(({ code }) => code);
  });
  assert.equal(refused, 'denied');
});

test('the terminal asks the extension: narrowed, for minutes, for its own key', { skip }, async (t) => {
  const site = await house(t);
  const { authority, context, page, terminal } = site;
  await pair(t, site);
  await page.locator('#terminal[data-state="paired"]').waitFor();
  const ask = (scope) => terminal.run('extension', 'token', '--scope', scope, '--url', `${authority.issuer}/userinfo`);
  assert.match((await ask('openid')).stderr, /signed in/);

  await finish(authority, context, () => page.locator('#sign-in').click());
  await signedIn(page);
  const { code, stdout, stderr } = await ask('openid email');
  assert.equal(code, 0, stderr);
  const headers = Object.fromEntries(stdout.trim().split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2)).map(([name, value]) => [name.toLowerCase(), value]));
  const response = await fetch(`${authority.issuer}/userinfo`, { headers });
  assert.equal(response.status, 200);
  assert.equal((await response.json()).email, 'user@example.com');
  const { scope, exp, iat, client_id } = claimsOf(headers.authorization.replace('DPoP ', ''));
  assert.deepEqual([scope.split(' ').sort(), client_id, exp - iat <= 300], [['email', 'openid'], 'gatepass-extension', true]);
  const refused = await ask('openid admin');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /its session does not have the scope `admin`/);

  // Signed out in the browser, nothing is left that could answer, and what was given is over.
  await page.locator('#sign-out').click();
  await page.waitForFunction(() => document.body.dataset.state === 'signed-out');
  assert.notEqual((await ask('openid')).code, 0);
});
