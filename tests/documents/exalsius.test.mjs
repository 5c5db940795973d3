// Document 004: the exalsius CLI, word for word.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signIn, startAuthority } from '../support/authority.mjs';
import { Company, scriptMissing } from '../support/pty.mjs';
import { keyringMissing, searchFiles } from '../support/terminal.mjs';
import { Visitor } from '../support/visitor.mjs';

const missing = scriptMissing() ?? keyringMissing();
const skip = missing && `${missing} is not installed`;

const CONFIG = `
[[client]]
id = "exalsius_cli"
name = "exalsius"
type = "native"
redirect_uris = ["http://127.0.0.1/callback"]
`;

async function exls(t, { keyring = true, config = '' } = {}) {
  const authority = await startAuthority(t, { config: CONFIG + config });
  const company = new Company(t, 'exalsius', 'exls', { issuer: authority.issuer });
  if (keyring) await company.withKeyring();
  return { authority, company };
}

/** Starts a login with an address, as on a machine with a browser. */
async function begin(company, email, line = 'exls login') {
  const program = company.at(line, { BROWSER: '/bin/true' });
  await program.shows('Email:');
  program.type(`${email}\r`);
  const [, url] = await program.shows(/^ *(https?:\/\/\S+response_type=code\S*)$/m);
  return { program, url };
}

/** Approves the device code that a terminal shows, with another device. */
async function approve(authority, screen, email) {
  const [, address] = /open (https?:\/\/\S+)/.exec(screen);
  const [, code] = /compare it: ([A-Z]{4}-[A-Z]{4})/.exec(screen);
  const device = new Visitor();
  await device.open(`${address}?user_code=${code}`);
  await device.submit({ email });
  const { link } = await authority.letter(email);
  await device.open(link);
  await device.submit({});
  // The code is there already, but nothing goes on without a press.
  await device.submit({});
  assert.match(device.page.html, new RegExp(code), 'the page shows the code to compare');
  return device.submit({}, { button: 'allow' });
}

test('asks for the address first, and only its domain goes to the issuer', { skip }, async (t) => {
  const { authority, company } = await exls(t);
  const { program, url } = await begin(company, 'ada@example.com');
  assert.equal(new URL(url).searchParams.get('domain_hint'), 'example.com');
  assert.ok(!decodeURIComponent(url).includes('ada@'), url);
  await signIn(authority, new Visitor(), url, { email: 'ada@example.com' });
  const { code, screen } = await program.done();
  assert.equal(code, 0, screen);
  assert.match(screen, /Logged in as ada@example\.com/);
});

test('another account than the typed one is asked about', { skip }, async (t) => {
  const { authority, company } = await exls(t);
  const { program, url } = await begin(company, 'ada@example.com');
  const page = await signIn(authority, new Visitor(), url, { email: 'bob@example.com' });
  assert.match(page.html, /One question is left/, 'the browser does not wait for the answer');
  await program.shows('as bob@example.com? [y/N]');
  program.type('n\r');
  const { code, screen } = await program.done();
  assert.equal(code, 1, screen);
  assert.equal((await company.line('exls whoami')).code, 3, 'nothing was kept');
});

test('everything is in the keyring under exalsius_cli, and nothing on disk', { skip }, async (t) => {
  const { authority, company } = await exls(t);
  const { program, url } = await begin(company, 'ada@example.com');
  await signIn(authority, new Visitor(), url, { email: 'ada@example.com' });
  assert.equal((await program.done()).code, 0);
  const { storage } = await company.json('status');
  assert.equal(storage, 'keyring');
  const { access_token: token } = await company.json('token');
  assert.deepEqual(searchFiles(company.home, [token, 'gpr_', 'ada@example.com']), []);

  const logout = await company.line('exls logout');
  assert.equal(logout.code, 0, logout.screen);
  const again = await company.line('exls logout');
  assert.deepEqual([again.code, again.screen], [0, 'You are not logged in\n']);
});

test('--auth-flow device_code shows a code and a QR code', { skip }, async (t) => {
  const { authority, company } = await exls(t);
  const program = company.at('exls login --auth-flow device_code');
  await program.shows('Email:');
  program.type('\r');
  const [screen] = await program.shows(/[^]*compare it: [A-Z]{4}-[A-Z]{4}[^]*/);
  assert.match(screen, /^██ ▄▄▄▄▄ /m, 'the QR code');
  await approve(authority, screen, 'ada@example.com');
  const end = await program.done();
  assert.equal(end.code, 0, end.screen);
  assert.match(end.screen, /Logged in as ada@example\.com/);
});

test('without a browser the device code comes by itself', { skip }, async (t) => {
  const { authority, company } = await exls(t);
  // A server or a CI system: no terminal to ask at either.
  const program = company.begin(['login', '--json'], { CI: 'true' });
  const shown = await program.until(({ stderr }) => /compare it: [A-Z]{4}-[A-Z]{4}/.test(stderr) && stderr);
  await approve(authority, shown, 'ci@example.com');
  assert.deepEqual(await program.ended, { code: 0, signal: null }, program.stderr);
  assert.equal(JSON.parse(program.stdout).email, 'ci@example.com');
});

test('when the browser does not come back, the device code takes over', { skip }, async (t) => {
  const { authority, company } = await exls(t);
  company.set('device_code_after', 1);
  const { program } = await begin(company, 'ada@example.com');
  await program.shows('the browser has not come back, so here is a code as well:');
  const [screen] = await program.shows(/[^]*compare it: [A-Z]{4}-[A-Z]{4}[^]*/);
  await approve(authority, screen, 'ada@example.com');
  const end = await program.done();
  assert.equal(end.code, 0, end.screen);
});

test('a keyring that is not there or locked is said before anybody signs in', { skip }, async (t) => {
  const { company } = await exls(t, { keyring: false });
  const program = company.at('exls login --email ada@example.com', { BROWSER: '/bin/true' });
  const { code, screen } = await program.done();
  assert.equal(code, 5, screen);
  assert.match(screen, /Failed to store token: /);
  assert.doesNotMatch(screen, /response_type=code/, 'no browser was opened');
});

test('switching accounts is logging out and in', { skip }, async (t) => {
  const { authority, company } = await exls(t);
  for (const email of ['ada@example.com', 'bob@example.com']) {
    const { program, url } = await begin(company, email);
    await signIn(authority, new Visitor(), url, { email });
    assert.equal((await program.done()).code, 0);
    assert.equal((await company.line('exls whoami')).screen, `${email}\n`);
    assert.equal((await company.line('exls logout')).code, 0);
  }
});

test('an account that is not admitted gets the documented advice', { skip }, async (t) => {
  const { authority, company } = await exls(t);
  const { program, url } = await begin(company, 'ada@example.com');
  await signIn(authority, new Visitor(), url, { email: 'ada@example.com', decision: 'deny' });
  const { code, screen } = await program.done();
  assert.equal(code, 1, screen);
  assert.match(screen, /Verify that you have an active exalsius account\. During the closed beta, reach out to run\.it@exalsius\.ai/);
});

test('the help text is the reference of the document', { skip }, async (t) => {
  const { company } = await exls(t);
  const { screen } = await company.line('exls login --help');
  assert.match(screen, /^Usage: exls login \[OPTIONS\]$/m);
  assert.match(screen, /--auth-flow <FLOW>\s+Authentication flow\s[^]*\[default: auto\]/);
  for (const flow of ['auto', 'pkce', 'device_code']) assert.match(screen, new RegExp(`^ +- ${flow}: `, 'm'));
  assert.deepEqual([...screen.matchAll(/--[a-z-]+/g)].map(([flag]) => flag), ['--auth-flow', '--help']);
  const logout = (await company.line('exls logout --help')).screen;
  assert.deepEqual([...logout.matchAll(/--[a-z-]+/g)].map(([flag]) => flag), ['--help'], logout);
});
