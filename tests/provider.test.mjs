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

/** A terminal that is signed in there. */
async function signedIn(t) {
  const { issuer, provider } = await startProvider(t);
  const terminal = await new Terminal(t, { issuer, client_id: 'cli', id_token_signed_response_alg: 'RS256', scope: 'openid offline_access' }).withKeyring();
  const { program, url } = await terminal.login();
  const visitor = new Visitor();
  await visitor.open(url);
  await visitor.submit({ login: 'user-1', password: 'x' });
  const page = await visitor.submit({});
  assert.match(page.html, /You are signed in/);
  assert.deepEqual(await program.ended, { code: 0, signal: null }, program.stderr);
  return { provider, terminal };
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
