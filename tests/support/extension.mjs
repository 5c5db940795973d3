// The ready example extension in a real browser, against an issuer whose answers a test can hold.
import { createHash, generateKeyPairSync } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { openBrowser } from './chromium.mjs';
import { cleanUp, eventually, folder } from './process.mjs';
import { startAuthority } from './authority.mjs';
import { WWW } from './tree.mjs';


/** A browser makes an extension's id of its key: the first half of SHA-256, as letters a to p. */
export const idOf = (key) => [...createHash('sha256').update(key).digest('hex').slice(0, 32)].map((digit) => 'abcdefghijklmnop'[parseInt(digit, 16)]).join('');

const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'der' }, privateKeyEncoding: { type: 'pkcs8', format: 'der' } });
/** Of the extension in tests. */
export const ID = idOf(publicKey);

/** As it is shipped, for this issuer: what an author changes is changed here. */
export function makeExtension(t, { site, browser = 'chromium', manifest = {}, files = {} }) {
  const place = folder(t, 'extension');
  cpSync(join(WWW, `extension-${browser}`), place, { recursive: true });
  const shipped = JSON.parse(readFileSync(join(place, 'manifest.json'), 'utf8'));
  const key = browser === 'chromium' && { key: publicKey.toString('base64') };
  writeFileSync(join(place, 'manifest.json'), JSON.stringify({ ...shipped, ...key, ...manifest }));
  writeFileSync(join(place, 'site.js'), `export const site = ${JSON.stringify(site)};`);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(place, name), text);
  return place;
}

/** Somebody else's extension. */
function makeStranger(t) {
  const place = folder(t, 'stranger');
  writeFileSync(join(place, 'manifest.json'), JSON.stringify({ manifest_version: 3, name: 'stranger', version: '1', background: { service_worker: 'stranger.js' } }));
  writeFileSync(join(place, 'stranger.js'), '');
  return place;
}

/** A server between browser and authority that can keep back or change what passes through it, by its path. */
export async function startGate(t) {
  const gate = { target: undefined, holds: [], seen: [], change: undefined };
  const server = http.createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts);
    const { pathname } = new URL(request.url, 'http://gate');
    gate.seen.push({ method: request.method, path: pathname, body: body.toString() });
    const hold = gate.holds.find((one) => !one.done && one.path.test(pathname));
    if (hold) hold.done = true;
    const pass = () => new Promise((done) => {
      const upstream = http.request(new URL(request.url, gate.target), { method: request.method, headers: request.headers, agent: false }, (answer) => {
        const chunks = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.on('end', () => done({ status: answer.statusCode, headers: answer.rawHeaders, body: Buffer.concat(chunks) }));
      });
      upstream.on('error', () => done({ status: 502, headers: [], body: Buffer.alloc(0) }));
      upstream.end(body);
    });
    if (hold?.before) {
      hold.arrive();
      await hold.released;
    }
    const answer = await pass();
    if (gate.change?.path.test(pathname)) {
      answer.body = Buffer.from(gate.change.change(answer.body));
      answer.headers = answer.headers.map((value, at, all) => (/^content-length$/i.test(all[at - 1]) ? answer.body.length : value));
    }
    if (hold && !hold.before) {
      hold.arrive();
      await hold.released;
    }
    response.on('close', () => hold?.passed());
    response.writeHead(answer.status, answer.headers);
    response.end(answer.body);
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  cleanUp(t, () => {
    for (const { release } of gate.holds) release();
    server.closeAllConnections();
    server.close();
  });
  gate.address = `http://127.0.0.1:${server.address().port}`;
  /** Keeps back the next answer for a path (or, with `before`, the question itself). */
  gate.hold = (path, { before = false } = {}) => {
    const hold = { path, before };
    hold.arrived = new Promise((arrive) => (hold.arrive = arrive));
    hold.sent = new Promise((passed) => (hold.passed = passed));
    hold.released = new Promise((release) => (hold.release = release));
    gate.holds.push(hold);
    return hold;
  };
  gate.count = (path) => gate.seen.filter((one) => path.test(one.path)).length;
  return gate;
}

/** What an operator writes for an extension. */
export const clientOf = (issuer, redirectUri) => `issuer = '${issuer}'
[[client]]
id = 'gatepass-extension'
name = 'Gatepass extension'
type = 'web'
redirect_uris = ['${redirectUri}']
grant_types = ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:token-exchange']
id_token_alg = 'ES256'
always_refresh = true
first_party = true
`;

/** Authority, gate and browser with the extension; `registered` is the redirect URI that the authority knows. */
export async function startExtension(t, { flow, dpop, native, apiOrigins, manifest, files, stranger, registered, profile = folder(t, 'profile') } = {}) {
  const gate = await startGate(t);
  const redirectUri = flow === 'tab' ? `${gate.address}/dashboard/extension.html` : `https://${ID}.chromiumapp.org/gatepass`;
  const authority = await startAuthority(t, { www: true, config: clientOf(gate.address, registered ?? redirectUri) });
  gate.target = authority.address;
  const site = { issuer: gate.address, clientId: 'gatepass-extension', scope: 'openid email profile', idTokenAlg: 'ES256', flow, dpop, native, apiOrigins, ...(flow === 'tab' && { redirectUri }) };
  const place = makeExtension(t, { site, manifest, files });
  const places = [place, ...(stranger ? [makeStranger(t)] : [])].join();
  const words = [`--disable-extensions-except=${places}`, `--load-extension=${places}`];
  const { context } = await openBrowser(t, profile, { switches: words });
  while (context.serviceWorkers().length < 1 + Number(Boolean(stranger))) await context.waitForEvent('serviceworker');
  const stop = await stopper(context);
  const popup = async () => {
    const page = await context.newPage();
    await page.goto(`chrome-extension://${ID}/popup.html`);
    return page;
  };
  return { authority, gate, context, profile, place, stop, popup, id: ID };
}

/** Stops the worker, as the browser does when it has been idle or asked too much; gives once it has stopped. */
async function stopper(context) {
  const [page] = context.pages();
  const session = await context.newCDPSession(page);
  let stopped = 0;
  const last = new Map();
  session.on('ServiceWorker.workerVersionUpdated', ({ versions }) => {
    for (const { versionId, runningStatus } of versions) {
      if (runningStatus === 'stopped' && last.get(versionId) !== 'stopped') stopped += 1;
      last.set(versionId, runningStatus);
    }
  });
  await session.send('ServiceWorker.enable');
  return async () => {
    const before = stopped;
    await session.send('ServiceWorker.stopAllWorkers');
    await eventually(() => stopped > before);
  };
}

export const EMAIL = 'user@example.com';
export const signedIn = (page) => page.waitForFunction(() => document.body?.dataset.state === 'signed-in');
export const signedOut = (page) => page.waitForFunction(() => document.body?.dataset.state === 'signed-out');

/** The window or tab that a sign-in opens. */
export async function issuerPage(context, begin) {
  const [page] = await Promise.all([context.waitForEvent('page'), begin()]);
  return page;
}

/** A person in that window, up to the click after which it comes back by itself. */
export async function finish(authority, context, begin) {
  const page = await issuerPage(context, begin);
  await prove(authority, page);
}

/** Tabs in which a link was pressed: they are the person's, and nobody closes them. */
export const letters = new WeakSet();

/** Proves who it is, by the link in the letter: in a tab of its own, as a mail program opens it. */
export async function prove(authority, page) {
  await page.locator('#email').fill(EMAIL);
  await page.locator('#continue').click();
  await page.locator('#enter-code').waitFor();
  const { link } = await authority.letter(EMAIL);
  const letter = await page.context().newPage();
  letters.add(letter);
  await letter.goto(link);
  await letter.locator('#open-link #sign-in').click();
  return letter;
}
