// The library's own example: a program of less than forty lines.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { signIn, startAuthority } from './support/authority.mjs';
import { keyringMissing, Terminal } from './support/terminal.mjs';
import { EXAMPLE } from './support/tree.mjs';
import { Visitor } from './support/visitor.mjs';
import { start } from './support/process.mjs';

const missing = keyringMissing();
const skip = missing && `${missing} is not installed`;

test('the example signs in once, and asks an API with a proof of its key', { skip }, async (t) => {
  const authority = await startAuthority(t);
  const terminal = await new Terminal(t, { issuer: authority.issuer }).withKeyring();
  const run = () => start(t, EXAMPLE, [authority.issuer], { env: { ...terminal.env, CI: 'true' } });
  const first = run();
  const url = await first.until(({ stdout }) => /^sign in here: (\S+)$/m.exec(stdout)?.[1]);
  await signIn(authority, new Visitor(), url);
  assert.deepEqual(await first.ended, { code: 0, signal: null }, first.stderr);
  assert.match(first.stdout, /"email":"user@example\.com"/);
  const second = run();
  assert.deepEqual(await second.ended, { code: 0, signal: null }, second.stderr);
  assert.equal(JSON.parse(second.stdout).email, 'user@example.com');
  const lines = readFileSync(new URL('../crates/native/examples/whoami.rs', import.meta.url), 'utf8').trim().split('\n');
  assert.ok(lines.length < 40, `${lines.length} lines`);
});
