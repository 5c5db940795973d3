// The live view in a real terminal: what is seen, what keys do, and how the terminal is left behind.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { signIn, startAuthority } from './support/authority.mjs';
import { eventually } from './support/process.mjs';
import { Screen, tmuxMissing } from './support/screen.mjs';
import { Terminal } from './support/terminal.mjs';
import { Visitor } from './support/visitor.mjs';

const skip = tmuxMissing && `${tmuxMissing} is not installed`;
const LEFT_WELL = { code: 0, restored: true };

/** An authority and a terminal that keeps its session in a plain file, so that a test can read it. */
async function house(t) {
  const authority = await startAuthority(t);
  const terminal = new Terminal(t, { issuer: authority.issuer, storage: 'file' });
  const later = (seconds) => {
    authority.later(seconds);
    terminal.later(seconds);
  };
  return { authority, terminal, later };
}

/** The same, signed in. */
async function signedIn(t) {
  const all = await house(t);
  const { program, url } = await all.terminal.login();
  await signIn(all.authority, new Visitor(), url);
  assert.equal((await program.ended).code, 0, program.stderr);
  return all;
}

const view = (t, terminal, options, ...args) => Screen.gatepass(t, terminal, ['tui', '--no-browser', ...args], options);

/** The whole address of a sign-in, which `p` shows alone. */
async function address(screen) {
  await screen.shows(/open this address/);
  await screen.press('p');
  const [url] = await screen.shows(/^http\S+$(?=\n\npress a key)/m);
  return url;
}

test('signs in, counts down, refreshes, shows its status and signs out', { skip }, async (t) => {
  const { authority, terminal, later } = await house(t);
  const screen = view(t, terminal);
  await screen.shows(/nobody is signed in to `default`; press l/);
  await screen.press('l');
  await signIn(authority, new Visitor(), await address(screen));
  await screen.shows(/Account +user@example\.com\nToken +(59:\d\d|1:00:00) left/);

  const [before] = await screen.shows(/59:\d\d left/);
  await screen.shows(new RegExp(`59:(?!${before.slice(3, 5)})\\d\\d left`));
  later(1800);
  await screen.shows(/Token +(29:\d\d|30:00) left/);
  const first = (await terminal.json('token')).access_token;
  await screen.press('r');
  await screen.shows(/there is a new access token/);
  await screen.shows(/Token +59:\d\d left/);
  const second = (await terminal.json('token')).access_token;
  assert.notEqual(second, first);

  await screen.type('/status');
  await screen.press('Enter');
  await screen.shows(/Status +signed in as user@example\.com\nOrganization +none chosen\nProfile +default\nToken +\S+ left\nSession +bound to a key/);
  await screen.press('o');
  await screen.shows(/sign out\? y\/n {2}user@example\.com/);
  await screen.press('y');
  await screen.shows(/signed out user@example\.com, here and at the issuer/);
  await screen.shows(/nobody is signed in to `default`; press l/);
  assert.equal((await terminal.json('status')).signed_in, false);
  await screen.press('q');
  assert.deepEqual(await screen.end(), LEFT_WELL);
  for (const secret of [first, second, 'gpr_']) assert.ok(!screen.raw().includes(secret), 'no token was ever on the screen');
});

test('takes the address that a browser elsewhere ended at, and only the right one', { skip }, async (t) => {
  const { authority, terminal } = await house(t);
  const screen = view(t, terminal);
  await screen.shows(/press l/);
  await screen.press('l');
  const url = await address(screen);
  await screen.press('x');
  const stop = (address) => address.startsWith('http://127.0.0.1:') && new URL(address).pathname === '/callback';
  const { url: callback } = await signIn(authority, new Visitor(), url, { stop });
  const { searchParams } = new URL(callback);

  await screen.paste('https://elsewhere.example/callback?code=x');
  await screen.shows(/^error: \S/m);
  await screen.paste(callback.replace(searchParams.get('state'), 'wrong'));
  await screen.shows(/error: an answer came that belongs to no login of ours/);
  await screen.shows(/waiting for you/);

  // By hand first, as in a terminal that does not bracket what is pasted: it is counted, not shown.
  await screen.type('http://x');
  await screen.shows(/8 characters; Enter hands them in/);
  await screen.press('BSpace');
  await screen.type(callback);
  await screen.shows(new RegExp(`${callback.length} characters`));
  await screen.press('Enter');
  await screen.shows(/somebody signed in as user@example\.com\nis that you/);
  assert.equal((await terminal.json('status')).signed_in, false, 'not before the answer');
  await screen.press('y');
  await screen.shows(/Account +user@example\.com/);
  assert.equal((await terminal.json('status')).signed_in, true);
  await screen.press('C-c');
  assert.deepEqual(await screen.end(), LEFT_WELL);
  assert.ok(!screen.raw().includes(searchParams.get('code')), 'the code was never on the screen');
});

test('shows a code for another device', { skip }, async (t) => {
  const { authority, terminal } = await house(t);
  const screen = view(t, terminal, { columns: 90 });
  await screen.shows(/press l/);
  await screen.press('l');
  await screen.shows(/open this address/);
  await screen.press('d');
  const [, place] = await screen.shows(/on any device, open (http\S+)/);
  const [, code] = await screen.shows(/compare this code: (\S+)/);
  await screen.shows(/█▄▄▄▄▄▄▄█/);
  const visitor = new Visitor();
  await signIn(authority, visitor, place);
  await visitor.submit({ user_code: code });
  await visitor.submit({}, { button: 'allow' });
  await screen.shows(/Account +user@example\.com/);
  await screen.press('q');
  assert.deepEqual(await screen.end(), LEFT_WELL);
});

test('a failed refresh is shown with its hint, and the view goes on', { skip }, async (t) => {
  const { authority, terminal } = await signedIn(t);
  const screen = view(t, terminal);
  await screen.shows(/Token +\S+ left/);
  authority.program.kill();
  await authority.program.ended;
  await screen.press('r');
  await screen.shows(/error: the server cannot be reached or is out of order\nhint: check the network/);
  await screen.shows(/Token +\S+ left/);
  await screen.type('/nonsense');
  await screen.press('Enter');
  await screen.shows(/error: there is no such command; there are \/status \/login/);
  await screen.type('/quit');
  await screen.press('Enter');
  assert.deepEqual(await screen.end(), LEFT_WELL);
});

test('what another terminal does is seen', { skip }, async (t) => {
  const { terminal } = await signedIn(t);
  const screen = view(t, terminal);
  await screen.shows(/Account +user@example\.com/);
  await terminal.run('logout');
  terminal.later(11);
  await screen.shows(/nobody is signed in to `default`/);
});

test('a sign-in that is given up, and one that nobody finishes before the view is left', { skip }, async (t) => {
  const { terminal } = await house(t);
  const screen = view(t, terminal);
  await screen.shows(/press l/);
  await screen.press('l');
  const callback = new URL(await address(screen)).searchParams.get('redirect_uri');
  await screen.press('x');
  await screen.shows(/waiting for you/);
  await screen.press('Escape');
  await screen.shows(/the sign-in is given up/);
  // Whoever finishes it in the browser all the same finds nobody there.
  const refused = () => fetch(callback).then(() => false, (error) => error.cause.code === 'ECONNREFUSED');
  const end = performance.now() + 15_000;
  while (!(await refused())) assert.ok(performance.now() < end, 'somebody still listens');
  await screen.press('l');
  await screen.shows(/open this address/);
  await screen.press('C-c');
  assert.deepEqual(await screen.end(), LEFT_WELL);
});

test('the terminal is given back after a signal and after a panic', { skip }, async (t) => {
  const { terminal } = await house(t);
  for (const [signal, code] of [['SIGTERM', 143], ['SIGHUP', 129], ['SIGINT', 130]]) {
    const screen = view(t, terminal);
    await screen.shows(/press l/);
    // The worst moment: a sign-in waits, and an address stands on the plain screen.
    await screen.press('l');
    await address(screen);
    screen.signal(signal);
    assert.deepEqual(await screen.end(), { code, restored: true }, signal);
  }
  const screen = view(t, terminal, { env: { GATEPASS_TEST_TUI_PANIC: 'j' } });
  await screen.shows(/press l/);
  await screen.press('j');
  assert.deepEqual(await screen.end(), { code: 101, restored: true });
  await screen.shows(/a test asked for it/);
});

test('a terminal that is closed takes the view with it', { skip }, async (t) => {
  const { terminal } = await house(t);
  const screen = view(t, terminal);
  await screen.shows(/press l/);
  await screen.tmux('kill-server');
  await eventually(() => !screen.runs());
});

test('stops for the shell and goes on where it was', { skip }, async (t) => {
  const { terminal } = await signedIn(t);
  // A shell that controls jobs, as the one that a person types into.
  const script = `set -m; "$0" tui --no-browser; echo stopped; stty -g >stopped; fg >/dev/null`;
  const screen = Screen.open(t, terminal, ['sh', '-c', `cd "$HOME"; ${script}`, resolve(terminal.bin)]);
  await screen.shows(/Token +\S+ left/);
  await screen.press('C-z');
  await screen.shows(/Token +\S+ left/);
  await screen.press('q');
  assert.deepEqual(await screen.end(), LEFT_WELL);
  assert.match(screen.raw(), /stopped\r\n/);
  assert.equal(readFileSync(join(terminal.home, 'stopped'), 'utf8'), readFileSync(screen.place('before'), 'utf8'));
});

test('fits a narrow window, follows its size, and is plain where colour is not wanted', { skip }, async (t) => {
  const { terminal } = await signedIn(t);
  const screen = view(t, terminal, { columns: 40, rows: 12, env: { NO_COLOR: '1' } });
  await screen.shows(/^ {2}Account +Token\n\* user@example\.com +\S+\n/m);
  await screen.shows(/^l sign in {2}o sign out .*q quit$/m);
  await screen.resize(100, 30);
  await screen.shows(/^ {2}Account +Profile +Token +Kept\n/m);
  await screen.press('?');
  await screen.resize(40, 12);
  await screen.shows(/arrows Enter show another account/);
  await screen.press('Escape');
  await screen.shows(/^\* user@example\.com/m);
  await screen.press('q');
  assert.deepEqual(await screen.end(), LEFT_WELL);
  // SGR 30 to 49 and 90 to 107 are colours; 39 and 49 are the terminal's own.
  const colours = [...screen.raw().matchAll(/\x1b\[([\d;]*)m/g)].flatMap(([, codes]) => codes.split(';')).map(Number);
  assert.deepEqual(colours.filter((code) => (code >= 30 && code <= 48 && code !== 39) || code >= 90), []);
});

test("opens by the program's own word, with a given token that is never shown", { skip }, async (t) => {
  const { terminal, authority } = await house(t);
  writeFileSync(terminal.manifest, [
    "name = 'acme'", "title = 'Acme Cloud'", `issuer = '${authority.issuer}'`, "client_id = 'acme-cli'",
    '[storage]', "fallback = 'file'", '[variables]', "token = ['ACME_TOKEN']",
    '[commands]', "host = 'ai'", "show = ['login', 'ai']",
  ].join('\n'));
  const help = await terminal.run('--help');
  assert.match(help.stdout, /tui .*\[alias: ai\]/);
  assert.doesNotMatch(help.stdout, /whoami/);

  let screen = Screen.gatepass(t, terminal, ['ai'], { env: { ACME_TOKEN: 'first-quiet-token' } });
  await screen.shows(/Acme Cloud {2}default/);
  await screen.shows(/ACME_TOKEN holds a token, which is used instead of any session/);
  await screen.type('/status');
  await screen.press('Enter');
  await screen.shows(/Status +by a token that ACME_TOKEN holds/);
  await screen.press('C-c');
  assert.deepEqual(await screen.end(), LEFT_WELL);
  assert.ok(!screen.raw().includes('quiet'));

  screen = Screen.gatepass(t, terminal, ['ai', '--token', 'second-quiet-token']);
  await screen.shows(/--token holds a token, which is used instead of any session/);
  await screen.press('q');
  assert.deepEqual(await screen.end(), LEFT_WELL);
  await screen.shows(/warning: a token on the command line can be read by every process/);
  assert.ok(!screen.raw().includes('quiet'));
});

test('without a terminal it prints the status and says why', async (t) => {
  const { terminal } = await signedIn(t);
  const away = await terminal.run('tui');
  assert.equal(away.code, 2);
  assert.match(away.stdout, /^Account: user@example\.com\n/);
  assert.match(away.stderr, /note: the live view needs a terminal/);
  const plain = await terminal.run('tui', '--plain');
  assert.deepEqual([plain.code, plain.stdout], [0, away.stdout]);
  assert.doesNotMatch(plain.stderr, /live view/);
  assert.equal((await terminal.json('tui')).email, 'user@example.com');
});
