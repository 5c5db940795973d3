// A machine without a keyring, at a terminal: the session is sealed under a passphrase that its person types.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

test('whatever ends a hidden prompt or a wait, the terminal echoes again', { skip }, async (t) => {
  const { company } = await acme(t);
  const login = 'sh -c "echo pid \\$\\$; exec acme login --no-browser"';
  const begin = () => company.at(`sh -c 'trap : INT; stty -a; ${login}; echo ended \$?; stty -a'`);
  const modes = (screen) => [...screen.matchAll(/-?\b(?:echo|icanon|isig)\b/g)].map(([mode]) => mode);

  const interrupted = begin();
  await interrupted.shows(/a new passphrase for your sessions: ?$/);
  interrupted.type('\u0003');
  const { screen } = await interrupted.done();
  assert.match(screen, /ended 130$/m);
  assert.deepEqual(modes(screen), ['isig', 'icanon', 'echo', 'isig', 'icanon', 'echo']);

  for (const [signal, code] of [['SIGTERM', 143], ['SIGHUP', 129]]) {
    const program = begin();
    const [, pid] = await program.shows(/^pid (\d+)$/m);
    for (const prompt of [/a new passphrase for your sessions: ?$/, /the same once more: ?$/]) {
      await program.shows(prompt);
      program.type(`${PASSPHRASE}\n`);
    }
    await program.shows(/left; paste the last address here/);
    process.kill(Number(pid), signal);
    const { screen } = await program.done();
    assert.match(screen, new RegExp(`ended ${code}$`, 'm'));
    assert.deepEqual(modes(screen), ['isig', 'icanon', 'echo', 'isig', 'icanon', 'echo'], signal);
  }
});

test('a login in two processes says that it needs a keyring, and asks for nothing', { skip }, async (t) => {
  const { company } = await acme(t);
  const { code, screen } = await company.line('acme login --start');
  assert.equal(code, 2, screen);
  assert.equal(screen, 'error: a login in two processes needs a keyring, as a passphrase cannot seal what waits: run `acme login`\n');
});

test('an address to open by hand comes with what to do on another machine', { skip }, async (t) => {
  const { authority, company } = await acme(t);
  company.set('fallback', 'file');
  // An opener that is there without a browser behind it.
  writeFileSync(join(company.home, 'bin/xdg-open'), '#!/bin/sh\n', { mode: 0o755 });
  const { program, url } = await company.signIn('acme login --auth-flow pkce');
  await program.shows('open this address in a browser:');
  await program.shows("copy that page's address and paste it here");
  const screen = await program.shows(/left; paste the last address here, Ctrl-C/);
  assert.ok(screen);
  await signIn(authority, new Visitor(), url);
  assert.equal((await program.done()).code, 0);
});
