// A machine without a keyring, at a terminal: the session is sealed under a passphrase that its person types.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { signIn, startAuthority } from './support/authority.mjs';
import { Company, scriptMissing } from './support/pty.mjs';
import { searchFiles } from './support/terminal.mjs';
import { Visitor } from './support/visitor.mjs';

const missing = scriptMissing();
const skip = missing && `${missing} is not installed`;

const PASSPHRASE = 'correct horse battery';

/** A program whose manifest falls back to a passphrase, on a machine where it has to. */
async function acme(t) {
  const authority = await startAuthority(t);
  const company = new Company(t, 'cloudsignal', 'acme');
  writeFileSync(company.installed, `name = "acme"\nissuer = "${authority.issuer}"\nclient_id = "gatepass-cli"\nid_token_signed_response_alg = "ES256"\n[storage]\nfallback = "passphrase"\ncache = false\n`);
  return { authority, company };
}

test('a passphrase is asked for before the sign-in, unseen, and opens the session later', { skip }, async (t) => {
  const { authority, company } = await acme(t);
  const program = company.at('acme login --no-browser');
  await program.shows(/a new passphrase for your sessions: ?$/);
  program.type(`${PASSPHRASE}\n`);
  await program.shows(/the same once more: ?$/);
  program.type(`${PASSPHRASE}\n`);
  const [, url] = await program.shows(/^ *(https?:\/\/\S+response_type=code\S*)$/m);
  await program.shows(/left; paste the last address here/);
  await signIn(authority, new Visitor(), url);
  const { code, screen } = await program.done();
  assert.equal(code, 0, screen);
  assert.match(screen, /signed in to http:\S+ as user@example\.com/);
  assert.ok(!program.stdout.includes(PASSPHRASE), 'nothing of it is seen');
  assert.deepEqual(searchFiles(company.home, [PASSPHRASE, 'gpr_', 'user@example.com']), []);

  const status = company.at('acme status');
  await status.shows(/the passphrase of your sessions: ?$/);
  status.type('wrong\n');
  await status.shows(/that is not it; once more: ?$/);
  status.type(`${PASSPHRASE}\n`);
  const seen = await status.done();
  assert.equal(seen.code, 0, seen.screen);
  assert.match(seen.screen, /^Storage: passphrase$/m);
});

test('two that differ are no passphrase, and nobody is asked to sign in', { skip }, async (t) => {
  const { company } = await acme(t);
  const program = company.at('acme login --no-browser');
  await program.shows(/a new passphrase for your sessions: ?$/);
  program.type(`${PASSPHRASE}\n`);
  await program.shows(/the same once more: ?$/);
  program.type('another\n');
  const { code, screen } = await program.done();
  assert.equal(code, 5, screen);
  assert.match(screen, /these two differ/);
  assert.doesNotMatch(screen, /response_type=code/);
});
