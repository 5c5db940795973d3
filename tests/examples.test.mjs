// The two examples, built as their authors' users would, and run under a strict policy.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startAuthority } from './support/authority.mjs';
import { openBrowser } from './support/chromium.mjs';
import { startGate } from './support/gate.mjs';
import { folder } from './support/process.mjs';
import { PACKAGE, serve, skip } from './support/site.mjs';

const EXAMPLES = fileURLToPath(new URL('../examples/', import.meta.url));
const MODULES = fileURLToPath(new URL('node_modules/', import.meta.url));
const EMAIL = 'user@example.com';

/** Builds the React example; `development` is where StrictMode does everything twice. */
async function build(t, mode, issuer) {
  const { build } = await import('vite');
  const outDir = folder(t, 'vite');
  const before = { ...process.env };
  Object.assign(process.env, { NODE_ENV: mode, VITE_ISSUER: issuer });
  try {
    await build({
      root: join(EXAMPLES, 'react'),
      mode,
      logLevel: 'error',
      // As `npm install` would, without a network.
      resolve: { alias: { '@gatepass/web': PACKAGE, react: join(MODULES, 'react'), 'react-dom': join(MODULES, 'react-dom') } },
      build: { outDir, emptyOutDir: true, target: 'es2022' },
    });
  } finally {
    for (const name of ['NODE_ENV', 'VITE_ISSUER']) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
  return { '/': outDir };
}

/** Signs in, gets a new token, comes back after a reload, and signs out. */
async function walk(t, prepare) {
  const gate = await startGate(t);
  const site = await serve(t, { issuer: gate.origin, ...(await prepare(gate.origin)) });
  const config = readFileSync(join(EXAMPLES, 'authority.toml'), 'utf8').replace('http://127.0.0.1:5173/', `${site.origin}/`);
  const authority = await startAuthority(t, { config: `issuer = '${gate.origin}'\n${config}` });
  gate.target = authority.address;
  const { context } = await openBrowser(t);
  const page = await context.newPage();
  const troubles = [];
  page.on('pageerror', (error) => troubles.push(String(error)));
  page.on('console', (message) => /Content Security Policy|error/i.test(message.text()) && troubles.push(message.text()));
  await page.goto(site.origin);
  await page.getByText('Nobody is signed in').waitFor();
  await page.locator('#sign-in').click();
  await page.locator('#email').fill(EMAIL);
  await page.locator('#continue').click();
  await page.locator('#enter-code').waitFor();
  await page.goto((await authority.letter(EMAIL)).link);
  await page.locator('#open-link #sign-in').click();
  await page.getByText(`Signed in as ${EMAIL}`).waitFor();
  assert.equal(new URL(page.url()).search, '', 'the address is clean');
  assert.equal(gate.asked, 1, 'one code is traded once');
  const [refreshed] = await Promise.all([page.waitForResponse(/\/oauth\/token$/), page.locator('#refresh').click()]);
  assert.equal(refreshed.status(), 200);
  await page.reload();
  await page.getByText(`Signed in as ${EMAIL}`).waitFor();
  assert.equal(gate.asked, 2, 'a reload asks for nothing');
  await page.locator('#sign-out').click();
  await page.getByText('Nobody is signed in').waitFor();
  assert.equal(await page.locator('#error').textContent(), '');
  assert.deepEqual(troubles.filter((text) => !/favicon/.test(text)), []);
}

test('the page without a framework signs in', { skip }, (t) => walk(t, async (issuer) => ({
  folders: { '/gatepass/': PACKAGE, '/': join(EXAMPLES, 'plain') },
  texts: { '/settings.js': readFileSync(join(EXAMPLES, 'plain/settings.js'), 'utf8').replace('http://127.0.0.1:9400', issuer) },
})));

for (const mode of ['production', 'development']) {
  test(`the page with React signs in, built for ${mode}`, { skip }, (t) => walk(t, async (issuer) => ({ folders: await build(t, mode, issuer) })));
}

test('each has less than 60 lines of its own', () => {
  for (const [name, files] of [['plain', ['index.html', 'app.js', 'settings.js']], ['react', ['index.html', 'src/main.jsx', 'vite.config.js']]]) {
    const present = readdirSync(join(EXAMPLES, name), { recursive: true }).filter((path) => /\.(html|jsx?|css)$/.test(path) && !/^(gatepass|node_modules|dist)\b/.test(path));
    assert.deepEqual(present.sort(), files.sort());
    const lines = files.flatMap((file) => readFileSync(join(EXAMPLES, name, file), 'utf8').split('\n').filter((line) => line.trim()));
    assert.equal(lines.length < 60, true, `${name} has ${lines.length}`);
  }
});
