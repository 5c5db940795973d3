// A person at a terminal: the command, a real keyring, our own authority.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, realpathSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { signIn, startAuthority } from './support/authority.mjs';
import { eventually, start } from './support/process.mjs';
import { Terminal, keyringMissing, searchFiles } from './support/terminal.mjs';
import { Visitor, navigate } from './support/visitor.mjs';

const missing = keyringMissing();
const skip = missing && `${missing} is not installed`;

/** A terminal that is signed in, its session in a real keyring's care. */
async function signedIn(t) {
  const authority = await startAuthority(t);
  const terminal = await new Terminal(t, { issuer: authority.issuer }).withKeyring();
  const { program, url } = await terminal.login();
  const page = await signIn(authority, new Visitor(), url);
  assert.match(page.html, /You are signed in/);
  assert.deepEqual(await program.ended, { code: 0, signal: null }, program.stderr);
  assert.match(program.stderr, /signed in to http:\S+ as user@example\.com/);
  /** Lets time pass for both, so that the access token expires. */
  const later = (seconds) => {
    authority.later(seconds);
    terminal.later(seconds);
  };
  return { authority, terminal, later };
}

/** Asks the server who a token belongs to, as its holder would with the wrong scheme and no proof. */
const asBearer = (authority, token) => fetch(`${authority.issuer}/userinfo`, { headers: { authorization: `Bearer ${token}` } });

const refreshes = (authority) => authority.count('/oauth/token', 200);

test('signs in, refreshes by itself and signs out', { skip }, async (t) => {
  const { authority, terminal, later } = await signedIn(t);
  const status = await terminal.json('status');
  assert.deepEqual([status.code, status.email, status.bound, status.storage], [0, 'user@example.com', true, 'sealed']);
  const tokens = [await terminal.json('token')];
  assert.equal((await terminal.json('token')).access_token, tokens[0].access_token);
  assert.equal((await asBearer(authority, tokens[0].access_token)).status, 401, 'a bound token is worth nothing without its key');

  later(3601);
  tokens.push(await terminal.json('token'));
  assert.equal(tokens[1].refreshed, true);
  assert.notEqual(tokens[1].access_token, tokens[0].access_token);
  const plain = await terminal.run('token');
  assert.equal(plain.stdout, `${tokens[1].access_token}\n`, 'stdout is the token and nothing else');
  assert.equal(plain.stderr, '');

  const found = searchFiles(terminal.home, tokens.map((token) => token.access_token));
  assert.deepEqual(found, [], 'no token stands in plain text in the home folder');
  assert.deepEqual(searchFiles(terminal.home, ['gpr_', 'user@example.com']), [], 'nor a refresh token, nor the account');

  const logout = await terminal.json('logout');
  assert.deepEqual([logout.code, logout.was_signed_in, logout.revoked], [0, true, true]);
  assert.equal((await terminal.json('status')).signed_in, false);
  assert.equal((await terminal.run('token')).code, 3);
  assert.equal((await terminal.json('logout')).was_signed_in, false);
});

test('two processes with an expired token make one refresh', { skip }, async (t) => {
  const { authority, terminal, later } = await signedIn(t);
  const before = refreshes(authority);
  later(3601);
  const answers = await Promise.all(Array.from({ length: 8 }, () => terminal.json('token')));
  assert.deepEqual(new Set(answers.map(({ code }) => code)), new Set([0]));
  assert.equal(new Set(answers.map((answer) => answer.access_token)).size, 1, 'everybody has the same token');
  assert.equal(answers.filter((answer) => answer.refreshed).length, 1);
  await eventually(() => refreshes(authority) - before > 0);
  assert.equal(refreshes(authority) - before, 1);
});

test('a kill between answer and save costs nothing', { skip }, async (t) => {
  const { authority, terminal, later } = await signedIn(t);
  later(3601);
  const stopped = join(terminal.home, 'stopped');
  const before = refreshes(authority);
  const victim = terminal.begin(['token'], { GATEPASS_TEST_STOP_BEFORE_SAVE: stopped });
  await eventually(() => existsSync(stopped));
  // The server's log comes by another way than the client's file.
  await eventually(() => refreshes(authority) - before === 1);
  victim.kill('SIGKILL');
  assert.equal((await victim.ended).signal, 'SIGKILL');
  assert.equal(victim.stdout, '');

  const after = await terminal.json('token');
  assert.deepEqual([after.code, after.refreshed], [0, true]);
  await eventually(() => refreshes(authority) - before === 2);
  later(7300);
  assert.equal((await terminal.json('token')).refreshed, true, 'and the session goes on');
});

test('strangers at the callback are answered and waited out', { skip }, async (t) => {
  const authority = await startAuthority(t);
  const terminal = await new Terminal(t, { issuer: authority.issuer }).withKeyring();
  const { program, url } = await terminal.login();
  const callback = new URL(url).searchParams.get('redirect_uri');
  const iss = encodeURIComponent(authority.issuer);
  for (const query of ['error=access_denied', `error=access_denied&state=wrong&iss=${iss}`, `code=x&state=wrong&iss=${iss}`, 'code=x&code=y', '']) {
    const answer = await navigate(`${callback}?${query}`);
    assert.equal(answer.status, 400, query);
    assert.match(answer.html, /Nothing waits for this/);
  }
  assert.equal(program.end, undefined, 'the login still waits');
  await signIn(authority, new Visitor(), url);
  assert.equal((await program.ended).code, 0, program.stderr);
  assert.match(program.stderr, /belongs to another login; still waiting/);
});

test('an answer of another issuer, or a denial, ends a login with its own words', { skip }, async (t) => {
  const authority = await startAuthority(t);
  const terminal = await new Terminal(t, { issuer: authority.issuer }).withKeyring();

  let { program, url } = await terminal.login();
  const query = new URL(url).searchParams;
  const wrong = new URLSearchParams({ code: 'x', state: query.get('state'), iss: 'https://other.example' });
  assert.match((await navigate(`${query.get('redirect_uri')}?${wrong}`)).html, /did not work/);
  assert.equal((await program.ended).code, 1);
  assert.match(program.stderr, /error: the answer comes from another issuer/);

  ({ program, url } = await terminal.login());
  const page = await signIn(authority, new Visitor(), url, { decision: 'deny' });
  assert.match(page.html, /did not work/);
  assert.equal((await program.ended).code, 1);
  assert.match(program.stderr, /error: access was denied in the browser/);
  assert.equal((await terminal.json('status')).signed_in, false);
});

test('nobody comes: the login says so and what to do', { skip }, async (t) => {
  const authority = await startAuthority(t);
  const terminal = await new Terminal(t, { issuer: authority.issuer }).withKeyring();
  const { program } = await terminal.login('--timeout', '1');
  assert.equal((await program.ended).code, 1);
  assert.match(program.stderr, /error: nobody signed in before the time was up\nhint: run `/);
});

test('without a keyring the manifest decides: refused, or a plain file that is said aloud', async (t) => {
  const authority = await startAuthority(t);
  const strict = new Terminal(t, { issuer: authority.issuer });
  const refused = await strict.run('login', '--no-browser');
  assert.equal(refused.code, 5);
  assert.match(refused.stderr, /error: no session can be kept here: there is no keyring/);

  const terminal = new Terminal(t, { issuer: authority.issuer, storage: 'file' });
  const { program, url } = await terminal.login();
  await signIn(authority, new Visitor(), url);
  assert.equal((await program.ended).code, 0, program.stderr);
  assert.match(program.stderr, /warning: this session is kept in a plain file/);
  const status = await terminal.run('status');
  assert.match(status.stdout, /^Storage: file$/m);
  assert.match(status.stderr, /warning: this session is kept in a plain file/);
  const [file] = searchFiles(join(terminal.home, '.local'), ['gpr_']);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal((await terminal.json('logout')).revoked, true);
  assert.deepEqual(searchFiles(terminal.home, ['gpr_']), []);
});

test('a token that cannot be saved is printed with a warning and its own exit code', async (t) => {
  const authority = await startAuthority(t);
  const terminal = new Terminal(t, { issuer: authority.issuer, storage: 'file' });
  const { program, url } = await terminal.login();
  await signIn(authority, new Visitor(), url);
  assert.equal((await program.ended).code, 0, program.stderr);
  // As on a full disk, nothing can be written beside the session.
  const [file] = searchFiles(join(terminal.home, '.local'), ['gpr_']);
  const before = readFileSync(file);
  const beside = `${file}.new`;
  mkdirSync(beside);
  authority.later(3601);
  terminal.later(3601);
  const unsaved = await terminal.run('token');
  assert.equal(unsaved.code, 5);
  assert.match(unsaved.stdout, /^\S{20,}\n$/);
  assert.match(unsaved.stderr, /warning: the new session could not be saved; this token is good\n/);
  assert.deepEqual(readFileSync(file), before, 'what was kept is whole');
  rmdirSync(beside);
  const after = await terminal.json('token');
  assert.deepEqual([after.code, after.saved], [0, true], 'the session goes on');
});

test('a server that is away or out of order signs nobody out', { skip }, async (t) => {
  const { authority, terminal, later } = await signedIn(t);
  later(3601);
  authority.program.kill();
  await authority.program.ended;
  const away = await terminal.json('token');
  assert.deepEqual([away.code, away.error], [4, 'unreachable']);
  assert.equal((await terminal.json('status')).signed_in, true);
});

test('a proxy in the environment does not stand between this machine and itself', async (t) => {
  const authority = await startAuthority(t);
  const terminal = new Terminal(t, { issuer: authority.issuer, storage: 'file' });
  Object.assign(terminal.env, { HTTP_PROXY: 'http://127.0.0.1:1', http_proxy: 'http://127.0.0.1:1', ALL_PROXY: 'http://127.0.0.1:1' });
  const { program, url } = await terminal.login();
  await signIn(authority, new Visitor(), url);
  assert.equal((await program.ended).code, 0, program.stderr);
  assert.equal((await terminal.json('token', '--refresh')).refreshed, true);
});

test('the audience of the manifest is asked for, and the token has it', async (t) => {
  const audience = 'https://api.acme.example';
  const authority = await startAuthority(t, { config: `audiences = ["https://first.example", "${audience}"]\n` });
  const terminal = new Terminal(t, { issuer: authority.issuer, audience, storage: 'file' });
  const { program, url } = await terminal.login();
  assert.equal(new URL(url).searchParams.get('audience'), audience);
  await signIn(authority, new Visitor(), url);
  assert.equal((await program.ended).code, 0, program.stderr);
  const { access_token: token } = await terminal.json('token');
  assert.equal(JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).aud, audience);
});

test('a bare name is an installed manifest, whatever lies in the current folder', async (t) => {
  const terminal = new Terminal(t);
  const apps = join(terminal.home, '.config/gatepass/apps');
  const here = join(terminal.home, 'repository');
  for (const folder of [apps, here]) mkdirSync(folder, { recursive: true });
  const manifest = (about) => `name = "acme"\nabout = "${about}"\n`;
  writeFileSync(join(apps, 'acme.toml'), manifest('the installed one'));
  for (const name of ['acme', 'other']) writeFileSync(join(here, name), manifest("a stranger's"));
  const help = async (app) => {
    const { GATEPASS_APP: _, ...env } = terminal.env;
    const program = start(t, 'sh', ['-c', 'cd "$1" && exec "$2" --help', 'sh', here, resolve(terminal.bin)], { env: { ...env, GATEPASS_APP: app } });
    const { code } = await program.ended;
    return { code, said: program.stdout + program.stderr };
  };
  assert.match((await help('acme')).said, /the installed one/);
  assert.match((await help('./acme')).said, /a stranger's/);
  const other = await help('other');
  assert.equal(other.code, 2, other.said);
  assert.match(other.said, /no manifest called `other` is installed; a file of that name is `\.\/other`/);
});

test('a given token has no part in a command that is about the session, and that is said', async (t) => {
  const authority = await startAuthority(t);
  const terminal = new Terminal(t, { issuer: authority.issuer, storage: 'file' });
  const { program, url } = await terminal.login();
  await signIn(authority, new Visitor(), url);
  assert.equal((await program.ended).code, 0, program.stderr);
  assert.deepEqual((await terminal.run('token', '--token', 'given')).stdout, 'given\n');
  for (const [command, stdout] of [['status', /user@example\.com/], ['whoami', /user@example\.com/], ['org', /no organization is chosen/], ['logout', /^$/]]) {
    const run = await terminal.run(command, '--token', 'given');
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, stdout);
    assert.match(run.stderr, /note: --token holds a token, which `gatepass token` and `gatepass credential` give out; this command is about the session that is kept here\n/, command);
  }
  assert.equal((await terminal.json('status')).signed_in, false, 'the session was signed out, as was said');
});

test('open says at once what it waits for, and why a browser is not signed in', async (t) => {
  const config = "[[client]]\nid = 'other-cli'\nname = 'Other'\ntype = 'native'\nredirect_uris = ['http://127.0.0.1/callback']\nid_token_alg = 'ES256'\n";
  const authority = await startAuthority(t, { config });
  const signed = async (client_id) => {
    const terminal = new Terminal(t, { issuer: authority.issuer, client_id, storage: 'file' });
    const { program, url } = await terminal.login();
    await signIn(authority, new Visitor(), url);
    assert.equal((await program.ended).code, 0, program.stderr);
    return terminal;
  };
  const open = async (terminal) => {
    const program = terminal.begin(['open'], { BROWSER: 'true' });
    return { ...(await program.ended), stderr: program.stderr };
  };
  const nobody = await open(new Terminal(t, { issuer: authority.issuer, storage: 'file' }));
  assert.equal(nobody.code, 0, 'the page is there without anybody');
  assert.match(nobody.stderr, /nobody is signed in here, so neither is the browser\nhint: run `\S+ login` first\nopened /);

  const outside = await open(await signed('other-cli'));
  assert.equal(outside.code, 0);
  assert.match(outside.stderr, /the server does not let this session do that\nhint: .*`first_party`.*\nopened /);

  // It goes on waiting for a browser that never comes.
  const program = (await signed('gatepass-cli')).begin(['open'], { BROWSER: 'true' });
  await program.until(({ stderr }) => /opening \S+: waiting for the browser, for 60 seconds at most\n/.test(stderr));
  program.kill('SIGTERM');
});

test('a rule for a folder is one object too', async (t) => {
  const terminal = new Terminal(t);
  const directory = realpathSync(terminal.home);
  const rule = { code: 0, schema: 'gatepass/profile-rule/1', directory };
  assert.deepEqual(await terminal.json('profile', 'use', 'work', '--directory', directory), { ...rule, profile: 'work' });
  assert.deepEqual(await terminal.json('profile', 'unuse', '--directory', directory), { ...rule, profile: null });
});

test('data that cannot be written is no success', { skip: !existsSync('/dev/full') && 'there is no /dev/full' }, async (t) => {
  const terminal = new Terminal(t);
  const program = start(t, 'sh', ['-c', '"$1" token --token given > /dev/full', 'sh', terminal.bin], { env: terminal.env });
  assert.equal((await program.ended).code, 1);
  assert.match(program.stderr, /^error: cannot write to stdout: /m);
  // A reader that has gone away is another thing.
  const gone = start(t, 'sh', ['-c', '{ "$1" token --token given; echo "exit $?" >&2; } | true', 'sh', terminal.bin], { env: terminal.env });
  await gone.ended;
  assert.match(gone.stderr, /^exit 0$/m);
});

test('an address that is brought without a terminal needs a word on whose account it is', { skip }, async (t) => {
  const authority = await startAuthority(t);
  const terminal = await new Terminal(t, { issuer: authority.issuer }).withKeyring();
  const begin = async () => {
    const { handle, url } = await terminal.json('login', '--start');
    const callback = new URL(url).searchParams.get('redirect_uri');
    const { url: answer } = await signIn(authority, new Visitor(), url, { stop: (address) => address.startsWith(callback) });
    return async (...words) => {
      const program = start(t, terminal.bin, ['login', '--finish', handle, ...words], { env: terminal.env, input: answer });
      return { code: (await program.ended).code, stderr: program.stderr };
    };
  };
  const finish = await begin();
  const silent = await finish();
  assert.equal(silent.code, 2, silent.stderr);
  assert.match(silent.stderr, /nobody can be asked here whose account this is: say it with --email, or take any with --yes/);
  assert.equal((await terminal.json('status')).signed_in, false);
  const said = await finish('--email', 'user@example.com');
  assert.equal(said.code, 0, `the login still waited: ${said.stderr}`);
  await terminal.run('logout');
  assert.equal((await (await begin())('--email', 'other@example.com')).code, 1);
  assert.equal((await terminal.json('status')).signed_in, false);
  assert.equal((await (await begin())('--yes')).code, 0);
});
