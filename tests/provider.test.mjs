// The command against an authorization server written by others.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from './support/process.mjs';
import { Terminal, keyringMissing } from './support/terminal.mjs';
import { Visitor } from './support/visitor.mjs';
import { startProvider } from './support/provider.mjs';

const missing = keyringMissing();

const skip = missing && `${missing} is not installed`;

/** A provider, and a terminal that knows it. */
async function both(t, kind) {
  const { issuer, provider } = await startProvider(t, kind);
  const terminal = await new Terminal(t, { issuer, client_id: 'cli', id_token_signed_response_alg: 'RS256', scope: 'openid offline_access' }).withKeyring();
  return { issuer, provider, terminal };
}

/** By the browser's way. */
async function byBrowser(terminal) {
  const { program, url } = await terminal.login();
  const visitor = new Visitor();
  await visitor.open(url);
  await visitor.submit({ login: 'user-1', password: 'x' });
  const page = await visitor.submit({});
  assert.match(page.html, /You are signed in/);
  return program;
}

/** By a code, which is typed in another browser. */
async function byCode(terminal) {
  const program = terminal.begin(['login', '--auth-flow', 'device_code']);
  const code = await program.until(({ stderr }) => /([A-Z]{4}-[A-Z]{4})$/m.exec(stderr)?.[1]);
  const [, address] = /open (https?:\S+)$/m.exec(program.stderr);
  const visitor = new Visitor();
  await visitor.open(address);
  const confirm = await visitor.submit({ user_code: code });
  assert.match(confirm.html, new RegExp(code), 'the page shows the code to compare');
  await visitor.submit({ confirm: 'yes' });
  await visitor.submit({ login: 'user-1', password: 'x' });
  const page = await visitor.submit({});
  assert.match(page.html, /Sign-in Success/i);
  return program;
}

/** A terminal that is signed in there. */
async function signedIn(t, { way = byBrowser, ...kind } = {}) {
  const found = await both(t, kind);
  const program = await way(found.terminal);
  assert.deepEqual(await program.ended, { code: 0, signal: null }, program.stderr);
  return found;
}

test('signs in, refreshes and signs out at oidc-provider', { skip }, async (t) => {
  const { provider, terminal } = await signedIn(t);

  const status = await terminal.json('status');
  assert.deepEqual([status.subject, status.bound, status.storage], ['user-1', true, 'sealed']);

  const first = await terminal.json('token');
  const again = await terminal.json('token');
  assert.equal(first.token_type, 'DPoP');
  assert.equal(again.access_token, first.access_token, 'a good token is handed out again');

  const granted = [];
  provider.on('grant.success', (context) => granted.push(context.oidc.params.grant_type));
  const refreshed = await terminal.json('token', '--refresh');
  assert.equal(refreshed.refreshed, true);
  assert.notEqual(refreshed.access_token, first.access_token);
  assert.deepEqual(granted, ['refresh_token']);
  const third = await terminal.json('token', '--refresh');
  assert.notEqual(third.access_token, refreshed.access_token);
  assert.deepEqual(granted, ['refresh_token', 'refresh_token'], 'with the refresh token that came last');

  const revoked = [];
  provider.on('grant.revoked', (_context, id) => revoked.push(id));
  const logout = await terminal.json('logout');
  assert.deepEqual([logout.code, logout.revoked], [0, true]);
  assert.equal(revoked.length > 0, true, 'the server revoked the grant');
  assert.equal((await terminal.json('token')).error, 'not_signed_in');
});

test('a lost answer ends a session where the server gives it only once, and it is said why', { skip }, async (t) => {
  const { terminal } = await signedIn(t);
  const stopped = join(terminal.home, 'stopped');
  // The first save writes the mark, the second is the answer's.
  const victim = terminal.begin(['token', '--refresh'], { GATEPASS_TEST_STOP_BEFORE_SAVE: stopped, GATEPASS_TEST_STOP_AFTER: '1' });
  await eventually(() => existsSync(stopped));
  victim.kill('SIGKILL');
  await victim.ended;
  const after = await terminal.run('token', '--refresh');
  assert.equal(after.code, 3);
  assert.match(after.stderr, /error: the session is over: the answer to an earlier refresh was lost on its way\nhint: run `/);
});

const KINDS = [[byBrowser, 'the browser'], [byCode, 'a device code']].flatMap(([way, words]) =>
  [true, false].flatMap((dpop) => [true, false].map((rotates) => ({ way, words, dpop, rotates }))));

// A device code is asked for every five seconds, so they wait side by side.
test('signs in by both ways and refreshes', { skip, concurrency: KINDS.length }, (t) => Promise.all(KINDS.map(({ way, words, dpop, rotates }) => {
  const kind = `${words}, ${dpop ? 'with' : 'without'} DPoP, ${rotates ? 'with' : 'without'} rotation`;
  return t.test(kind, async (t) => {
    const { provider, terminal } = await signedIn(t, { way, dpop, rotates });
    const status = await terminal.json('status');
    assert.deepEqual([status.subject, status.bound], ['user-1', dpop]);
    const granted = [];
    const used = [];
    provider.on('grant.success', (context) => {
      granted.push(context.oidc.params.grant_type);
      used.push(context.oidc.params.refresh_token);
    });
    const tokens = [await terminal.json('token'), await terminal.json('token', '--refresh'), await terminal.json('token', '--refresh')];
    assert.deepEqual(tokens.map(({ token_type }) => token_type), Array(3).fill(dpop ? 'DPoP' : 'Bearer'));
    assert.equal(new Set(tokens.map(({ access_token }) => access_token)).size, 3);
    assert.deepEqual(granted, ['refresh_token', 'refresh_token']);
    assert.equal(used[0] !== used[1], rotates, 'a refresh uses what the one before brought');
  });
})));

test('who refuses on the other device refuses the login', { skip }, async (t) => {
  const { terminal } = await both(t);
  const program = terminal.begin(['login', '--auth-flow', 'device_code']);
  const code = await program.until(({ stderr }) => /([A-Z]{4}-[A-Z]{4})$/m.exec(stderr)?.[1]);
  const [, address] = /open (https?:\S+)$/m.exec(program.stderr);
  const visitor = new Visitor();
  await visitor.open(address);
  await visitor.submit({ user_code: code });
  await visitor.submit({ abort: 'yes' });
  const { code: exit } = await program.ended;
  assert.notEqual(exit, 0);
  assert.match(program.stderr, /access was denied/);
  assert.equal((await terminal.json('status')).signed_in, false);
});

test('a code that ran out ends the wait by the clock', { skip }, async (t) => {
  const { terminal } = await both(t);
  const program = terminal.begin(['login', '--auth-flow', 'device_code']);
  await program.until(({ stderr }) => /([A-Z]{4}-[A-Z]{4})$/m.exec(stderr)?.[1]);
  terminal.later(601);
  const { code } = await program.ended;
  assert.notEqual(code, 0);
  assert.match(program.stderr, /nobody signed in before the time was up/);
});
