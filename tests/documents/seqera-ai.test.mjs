// Document 000: the Seqera AI CLI, word for word.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { signIn, startAuthority } from '../support/authority.mjs';
import { Company, scriptMissing } from '../support/pty.mjs';
import { Screen, tmuxMissing } from '../support/screen.mjs';
import { keyringMissing, searchFiles } from '../support/terminal.mjs';
import { Visitor } from '../support/visitor.mjs';

const missing = scriptMissing() ?? keyringMissing() ?? tmuxMissing;
const skip = missing && `${missing} is not installed`;

const CONFIG = `
[[client]]
id = "seqera_ai_cli"
name = "Seqera AI"
type = "native"
redirect_uris = ["http://127.0.0.1/callback"]
`;

/** The program at a server, with or without a keychain. */
async function seqera(t, { keychain = true } = {}) {
  const authority = await startAuthority(t, { config: CONFIG });
  const company = new Company(t, 'seqera-ai', 'seqera', { issuer: authority.issuer });
  if (keychain) await company.withKeyring();
  const later = (seconds) => {
    authority.later(seconds);
    company.later(seconds);
  };
  /** Signs in; gives what was seen. */
  const login = async (line, email = 'user@example.com') => {
    const { program, url } = await company.signIn(line);
    await signIn(authority, new Visitor(), url, { email });
    return program.done();
  };
  return { authority, company, later, login };
}

const mode = (path) => (statSync(path).mode & 0o777).toString(8);

test('login, status and logout print what the document prints', { skip }, async (t) => {
  const { authority, company, login } = await seqera(t);
  const opened = join(company.home, 'opened');
  const browser = join(company.home, 'browser');
  writeFileSync(browser, `#!/bin/sh\nprintf %s "$1" > ${opened}\n`, { mode: 0o755 });
  company.env.BROWSER = browser;

  const { code, screen } = await login();
  assert.equal(code, 0, screen);
  const lines = screen.split('\n');
  const begins = lines.indexOf('Opening browser for authentication...');
  const ends = lines.indexOf('Successfully authenticated as user@example.com');
  assert.ok(begins === 0 && ends > begins, screen);
  assert.ok(screen.includes(readFileSync(opened, 'utf8')), 'the address that the browser got is in the terminal too');

  const status = await company.line('seqera status');
  assert.match(status.screen, /^Logged in as: user@example\.com\nSession expires: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n$/);
  const { access_expires_at: expires } = await company.json('status');
  assert.ok(status.screen.includes(new Date(expires * 1000).toISOString().slice(0, 19).replace('T', ' ')), status.screen);

  const { access_token: token } = await company.json('token');
  const logout = await company.line('seqera logout');
  assert.equal(logout.code, 0, logout.screen);
  assert.equal(authority.count('/oauth/revoke', 200), 1, 'the token is revoked');
  const again = await company.line('seqera logout');
  assert.deepEqual([again.code, again.screen], [0, 'Not logged in\n']);
  assert.equal((await company.line('seqera token')).code, 3, 'it takes a login again');
  assert.deepEqual(searchFiles(company.home, [token]), []);
});

test('tokens are in the keychain, and who is signed in since when is in auth-state.json', { skip }, async (t) => {
  const { company, login } = await seqera(t);
  assert.equal((await login()).code, 0);
  const { access_token: token, storage } = { ...(await company.json('token')), ...(await company.json('status')) };
  assert.equal(storage, 'sealed');
  assert.deepEqual(searchFiles(company.home, [token, 'gpr_']), [], 'no token in plain text');
  const place = join(company.home, '.config/seqera-ai');
  assert.deepEqual(readdirSync(place).filter((name) => name.startsWith('refresh-token')), []);
  const state = JSON.parse(readFileSync(join(place, 'auth-state.json'), 'utf8'));
  assert.equal(mode(join(place, 'auth-state.json')), '600');
  assert.match(JSON.stringify(state), /"email":"user@example\.com"/);
  assert.match(JSON.stringify(state), /"login_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"/);
});

test('without a keychain the token is in refresh-token.<profile>, for its owner alone', { skip }, async (t) => {
  const { company, login } = await seqera(t, { keychain: false });
  const { code, screen } = await login();
  assert.equal(code, 0, screen);
  assert.match(screen, /warning: .*plain file/);
  await login('seqera login --profile work', 'work@example.com');
  const place = join(company.home, '.config/seqera-ai');
  for (const profile of ['default', 'work']) assert.equal(mode(join(place, `refresh-token.${profile}`)), '600');
  assert.equal(mode(place), '700');
  assert.match((await company.line('seqera status')).screen, /warning: .*plain file/, 'it is said aloud each time');
  assert.match((await company.line('seqera --profile work status')).screen, /^Logged in as: work@example\.com$/m);

  const all = await company.line('seqera logout --all');
  assert.equal(all.code, 0, all.screen);
  assert.deepEqual(readdirSync(place).filter((name) => /^refresh-token\.(default|work)$/.test(name)), []);
  assert.deepEqual(searchFiles(company.home, ['user@example.com', 'work@example.com']), [], 'no session data stays');
  for (const profile of ['default', 'work']) assert.equal((await company.line(`seqera --profile ${profile} status`)).code, 3);
});

test('the token refreshes by itself, until the session is over', { skip }, async (t) => {
  const { authority, company, later, login } = await seqera(t);
  await login();
  const first = await company.json('token');
  later(3700);
  const second = await company.json('token');
  assert.equal(second.refreshed, true);
  assert.notEqual(second.access_token, first.access_token);

  // "Your refresh token expires (typically after extended inactivity)".
  later(400 * 86_400);
  const over = await company.line('seqera token');
  assert.equal(over.code, 3, over.screen);
  assert.equal(over.screen, 'Session expired. Run:\n  seqera logout\n  seqera login\n');
  assert.equal((await company.line('seqera logout')).code, 0);
  assert.equal((await login()).code, 0);
  assert.equal((await company.line('seqera status')).code, 0);
  assert.ok(authority.count('/oauth/token', 400) >= 1);
});

test('a token of the environment or the command line is used instead', { skip }, async (t) => {
  const { company } = await seqera(t);
  const given = await company.line('seqera token', { TOWER_ACCESS_TOKEN: 'platform-token' });
  assert.deepEqual([given.code, given.screen], [0, 'platform-token\n']);
  const flag = await company.line('seqera token --token other-token', { TOWER_ACCESS_TOKEN: 'platform-token' });
  assert.match(flag.screen, /^other-token$/m);
  assert.match(flag.screen, /warning: a token on the command line can be read by every process/);
  const shadowed = await company.line('seqera status', { TOWER_ACCESS_TOKEN: 'platform-token' });
  assert.match(shadowed.screen, /note: TOWER_ACCESS_TOKEN holds a token/);
  assert.doesNotMatch(shadowed.screen, /platform-token/);
});

test('seqera ai takes a token by flag and by variable', { skip }, async (t) => {
  const { company } = await seqera(t);
  for (const [words, env, by] of [[['--token', 'platform-token'], {}, '--token'], [[], { TOWER_ACCESS_TOKEN: 'platform-token' }, 'TOWER_ACCESS_TOKEN']]) {
    const screen = Screen.open(t, company, ['seqera', 'ai', ...words], { env });
    await screen.shows(new RegExp(`${by} holds a token, which is used instead of any session`));
    await screen.press('q');
    assert.equal((await screen.end()).code, 0);
    assert.ok(!screen.raw().includes('platform-token'));
  }
});

test('keychain errors say what to look at', { skip }, async (t) => {
  const { company, login } = await seqera(t);
  await login();
  // The keychain is there no more; what it sealed is not written anywhere else.
  const env = { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nowhere', XDG_RUNTIME_DIR: '/nowhere' };
  const { code, screen } = await company.line('seqera token --refresh', env);
  assert.equal(code, 5, screen);
  for (const line of ['Token storage error: ', 'Ensure your system keychain service is running', 'Check that you have permission to access the keychain']) {
    assert.ok(screen.includes(line), `${line}\n${screen}`);
  }
});

test('a browser that does not open is no end: the address is there to copy', { skip }, async (t) => {
  const { authority, company } = await seqera(t);
  const { program, url } = await company.signIn();
  await program.shows('Copy and paste this address into your browser:');
  // The browser of another machine ends at an address that it cannot reach; that is pasted.
  const stop = (address) => address.startsWith('http://127.0.0.1') && address.includes('/callback?') && !address.startsWith(authority.issuer);
  const { url: last } = await signIn(authority, new Visitor(), url, { stop });
  program.type(`${last}\r`);
  await program.shows('sign in to');
  program.type('y\r');
  const { code, screen } = await program.done();
  assert.equal(code, 0, screen);
  assert.match(screen, /Successfully authenticated as user@example\.com/);
  assert.ok(!screen.includes(new URL(last).searchParams.get('code')), 'a pasted code is not shown');
});

test('a login that times out says what to do', { skip }, async (t) => {
  const { company } = await seqera(t);
  const { code, screen } = await company.line('seqera login --timeout 1');
  assert.equal(code, 1, screen);
  for (const line of ['Login timed out.', 'Ensure you have internet connectivity', 'Check that https://seqera.io is accessible', 'Try logging out and logging in again: `seqera logout`, `seqera login`']) {
    assert.ok(screen.includes(line), `${line}\n${screen}`);
  }
});

test('the help text has what the document has', { skip }, async (t) => {
  const { company } = await seqera(t);
  const { screen } = await company.line('seqera --help');
  for (const word of ['login', 'status', 'logout', 'ai', '--token']) assert.ok(screen.includes(word), `${word}\n${screen}`);
  for (const word of ['whoami', 'credential', '--issuer', '--app']) assert.ok(!screen.includes(word), `${word}\n${screen}`);
  assert.match((await company.line('seqera logout --help')).screen, /--all/);
  assert.ok(!existsSync(join(company.home, '.config/seqera-ai')), 'asking for help leaves nothing behind');
});
