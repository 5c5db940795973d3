// The types that are shipped: the modules keep to them, and they say what an editor should show.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folder } from './support/process.mjs';
import { inTree } from './support/tree.mjs';

const TSC = inTree('tests/node_modules/.bin/tsc');

function tsc(...words) {
  return new Promise((done) => {
    execFile(TSC, [...words, '--pretty', 'false'], { timeout: 120_000 }, (error, stdout) => done({ status: error?.code ?? 0, stdout }));
  });
}

test('every module keeps to its types, strictly', async () => {
  assert.deepEqual(await tsc('-p', inTree('www')), { status: 0, stdout: '' });
});

test('whoever imports the package is told what is wrong, and nothing else', async (t) => {
  const place = folder(t, 'types');
  symlinkSync(inTree('www/shared/gatepass.d.ts'), join(place, 'gatepass.d.ts'));
  writeFileSync(join(place, 'good.ts'), `
import { createGatepass, GatepassError, type Session } from './gatepass.js';
await using gatepass = await createGatepass({ issuer: 'https://id.example', clientId: 'app', redirectUri: 'https://app.example/' });
const off = gatepass.on('session', ({ session, reason }) => console.log(session?.claims.email, reason === 'evicted'));
gatepass.on('expiring', ({ sessionExpiresAt }) => sessionExpiresAt.toFixed());
const session: Session = await gatepass.signInPopup({ signal: AbortSignal.timeout(1) });
const response: Response = await gatepass.fetch(new URL('https://api.example'), { method: 'POST' });
try { await gatepass.getAccessToken({ minTtl: 60 }); } catch (error) {
  if (error instanceof GatepassError && error.code === 'unreachable') off();
}
export { response, session };
`);
  writeFileSync(join(place, 'bad.ts'), `
import { createGatepass } from './gatepass.js';
const gatepass = await createGatepass({ issuer: 'https://id.example', clientId: 'app' });
gatepass.on('sessions', () => {});
(await gatepass.getSession()).subject;
(await gatepass.getAccessToken()).value = '';
export {};
`);
  const strict = ['--strict', '--noEmit', '--target', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'es2022,dom', '--types', ''];
  assert.deepEqual(await tsc(join(place, 'good.ts'), ...strict), { status: 0, stdout: '' });
  const { stdout } = await tsc(join(place, 'bad.ts'), ...strict);
  const faults = [...stdout.matchAll(/bad\.ts\((\d+),\d+\): error (TS\d+)/g)].map(([, line, code]) => `${line} ${code}`);
  assert.deepEqual(faults, ['3 TS2741', '4 TS2345', '5 TS2531', '6 TS2540'], stdout);
});
