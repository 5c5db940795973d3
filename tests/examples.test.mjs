// The two examples, built as their authors' users would, and run under a strict policy.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startAuthority } from './support/authority.mjs';
import { openBrowser } from './support/chromium.mjs';
import { startGate } from './support/gate.mjs';
import { cleanUp, folder, freePort, start } from './support/process.mjs';
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
async function walk(t, prepare, { config: more = (text) => text, signedIn = async () => {} } = {}) {
  const gate = await startGate(t);
  const site = await serve(t, { issuer: gate.origin, ...(await prepare(gate.origin)) });
  const config = more(readFileSync(join(EXAMPLES, 'authority.toml'), 'utf8').replace('http://127.0.0.1:5173/', `${site.origin}/`));
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
  await signedIn(page, gate.origin);
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

test('the development server of the React example has what `npm install` links, and a page that cannot start says so', { skip }, async (t) => {
  const { createServer } = await import('vite');
  const authority = await startAuthority(t, { config: readFileSync(join(EXAMPLES, 'authority.toml'), 'utf8') });
  const clone = folder(t, 'clone');
  const root = join(clone, 'examples/react');
  cpSync(join(EXAMPLES, 'react'), root, { recursive: true, filter: (path) => !/node_modules|dist/.test(path.slice(EXAMPLES.length)) });
  cpSync(PACKAGE, join(clone, 'target/www/web'), { recursive: true });
  mkdirSync(join(root, 'node_modules/@gatepass'), { recursive: true });
  symlinkSync('../../../../target/www/web', join(root, 'node_modules/@gatepass/web'));
  for (const name of ['react', 'react-dom']) symlinkSync(join(MODULES, name), join(root, 'node_modules', name));
  const before = process.cwd();
  process.chdir(root);
  process.env.VITE_ISSUER = authority.issuer;
  cleanUp(t, () => process.chdir(before));
  cleanUp(t, () => delete process.env.VITE_ISSUER);
  const server = await createServer({ logLevel: 'silent', server: { host: '127.0.0.1', port: await freePort() } });
  cleanUp(t, () => server.close());
  await server.listen();
  const page = await (await openBrowser(t)).context.newPage();
  const [address] = server.resolvedUrls.local;
  await page.goto(address);
  await page.getByText('Nobody is signed in').waitFor();
  await page.route('**/*.wasm', (route) => route.fulfill({ status: 403 }));
  await page.goto(address);
  assert.notEqual(await page.locator('#root [role="alert"]').textContent(), '');
});

test('the API takes a token with the proof of its key, once, and nothing else', { skip }, async (t) => {
  const api = `http://127.0.0.1:${await freePort()}`;
  const place = folder(t, 'api');
  cpSync(join(EXAMPLES, 'api/api.mjs'), join(place, 'api.mjs'));
  symlinkSync(MODULES, join(place, 'node_modules'));
  /** What the page has sent to it. */
  const sent = [];
  await walk(t, async (issuer) => ({
    apis: [api],
    folders: { '/gatepass/': PACKAGE, '/': join(EXAMPLES, 'plain') },
    texts: { '/settings.js': readFileSync(join(EXAMPLES, 'plain/settings.js'), 'utf8').replace('http://127.0.0.1:9400', issuer).replace('http://127.0.0.1:5174', api) },
  }), {
    config: (text) => text.replace('http://127.0.0.1:5174', api),
    async signedIn(page, issuer) {
      const program = start(t, process.execPath, [join(place, 'api.mjs')], { env: { ...process.env, ISSUER: issuer, API: api, PAGE: new URL(page.url()).origin } });
      await program.until(({ stdout }) => stdout.includes('listening'));
      page.on('request', async (request) => request.url() === `${api}/me` && request.method() === 'GET' && sent.push(await request.allHeaders()));
      await page.locator('#ask').click();
      await page.waitForFunction(() => JSON.parse(document.getElementById('answer').textContent || '{}').subject);
    },
  });
  const [{ authorization, dpop }] = sent;
  const status = async (headers, path = '/me') => (await fetch(api + path, { headers })).status;
  assert.equal(await status({ authorization, dpop }), 401, 'the same proof again');
  assert.equal(await status({ authorization }), 401, 'no proof');
  assert.equal(await status({ authorization: authorization.replace('DPoP', 'Bearer') }), 401, 'as a bearer token');
});

test('each has less than 60 lines of its own', () => {
  for (const [name, files] of [['plain', ['index.html', 'app.js', 'settings.js']], ['react', ['index.html', 'src/main.jsx', 'vite.config.js']]]) {
    const present = readdirSync(join(EXAMPLES, name), { recursive: true }).filter((path) => /\.(html|jsx?|css)$/.test(path) && !/^(gatepass|node_modules|dist)\b/.test(path));
    assert.deepEqual(present.sort(), files.sort());
    const lines = files.flatMap((file) => readFileSync(join(EXAMPLES, name, file), 'utf8').split('\n').filter((line) => line.trim()));
    assert.equal(lines.length < 60, true, `${name} has ${lines.length}`);
  }
});
