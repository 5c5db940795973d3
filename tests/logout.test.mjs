// Signing out of everything at once: every account at its own issuer, and none kept by another that cannot be signed out.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { signIn, startAuthority } from './support/authority.mjs';
import { Terminal } from './support/terminal.mjs';
import { Visitor } from './support/visitor.mjs';

/** A terminal that is signed in at an authority each, by a profile each; and where its accounts are listed. */
async function signedIn(t, profiles) {
  const terminal = new Terminal(t, { storage: 'file' });
  const authorities = [];
  for (const profile of profiles) {
    const authority = await startAuthority(t);
    authorities.push(authority);
    const { program, url } = await terminal.login('--issuer', authority.issuer, '--profile', profile);
    await signIn(authority, new Visitor(), url);
    assert.equal((await program.ended).code, 0, program.stderr);
  }
  const found = readdirSync(terminal.home, { recursive: true }).find((path) => path.endsWith('accounts.json'));
  const register = join(terminal.home, found);
  return { terminal, authorities, register, sessions: () => readdirSync(dirname(register)).filter((name) => name.endsWith('.session')) };
}

test('every account is signed out at the issuer at which it was signed in', async (t) => {
  const { terminal, authorities, register, sessions } = await signedIn(t, ['default', 'work']);
  assert.equal(sessions().length, 2);
  // Today's issuer is the first one's, for both.
  terminal.env.GATEPASS_ISSUER = authorities[0].issuer;
  const { code, ...all } = await terminal.json('logout', '--all');
  assert.deepEqual([code, all], [0, { schema: 'gatepass/logout/1', was_signed_in: true, revoked: true, sessions: 2 }]);
  for (const authority of authorities) assert.equal(authority.count('/oauth/revoke', 200), 1, authority.program.stderr);
  assert.deepEqual(sessions(), []);
  assert.equal(existsSync(register), false);
});

test('an account whose entry cannot be used does not keep the others', async (t) => {
  const { terminal, authorities, register, sessions } = await signedIn(t, ['default', 'work']);
  const document = JSON.parse(readFileSync(register, 'utf8'));
  // Listed first, with a session of its own; `http` to another machine is an issuer that nobody can be signed in at.
  const broken = { ...document.accounts[0], profile: 'old', issuer: 'http://issuer.example' };
  const name = createHash('sha256').update([broken.issuer, broken.client_id, broken.profile].join('\n')).digest('hex').slice(0, 32);
  writeFileSync(register, JSON.stringify({ accounts: [broken, ...document.accounts] }));
  writeFileSync(join(dirname(register), `${name}.session`), '', { mode: 0o600 });
  terminal.env.GATEPASS_ISSUER = authorities[0].issuer;
  const { code, stderr } = await terminal.run('logout', '--all');
  assert.equal(code, 2, stderr);
  assert.match(stderr, /^error: `issuer` cannot be used$/m);
  for (const authority of authorities) assert.equal(authority.count('/oauth/revoke', 200), 1, stderr);
  assert.deepEqual(sessions(), [`${name}.session`]);
});
