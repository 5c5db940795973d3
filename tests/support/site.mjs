// A dashboard of somebody's own: another origin than its issuer, a strict policy, and @gatepass/web as it is shipped.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, resolve, sep } from 'node:path';
import { startAuthority } from './authority.mjs';
import { chromiumMissing } from './chromium.mjs';
import { startGate } from './gate.mjs';
import { cleanUp } from './process.mjs';
import { WWW, wwwMissing } from './tree.mjs';

const missing = chromiumMissing ?? wwwMissing;
/** Why tests with a site cannot run here, if they cannot. */
export const skip = missing && `${missing} is missing`;
/** Where the npm package was staged. */
export const PACKAGE = resolve(WWW, 'web');
/** By so many seconds every access token has expired. */
export const EXPIRED = 3601;

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.wasm': 'application/wasm', '.svg': 'image/svg+xml' };

const PAGE = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Site</title><script type="module" src="/app.js"></script></head><body></body></html>';

/** The page: it tells a test what happens, and lets it ask. */
export const SITE_APP = `
import { createGatepass } from '/gatepass/gatepass.js';
import { options } from '/options.js';
const gatepass = await createGatepass({ ...options, redirectUri: new URL('/callback', location.origin).href });
const events = [];
gatepass.on('session', ({ session, reason }) => {
  events.push({ reason, subject: session?.subject });
  document.body.dataset.state = session ? 'signed-in' : 'signed-out';
});
await gatepass.handleCallback().catch((error) => events.push({ error: error.code }));
globalThis.app = { gatepass, events };
`;

/** What a page of this site may do: load its own scripts, and talk to itself and to its issuer. */
export const policy = (issuer, ...apis) =>
  `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; connect-src 'self' ${[new URL(issuer).origin, ...apis].join(' ')}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`;

/** Serves files of folders (by the address in front of them) and texts, each page under the policy. A browser may keep what lies under `kept`. */
export async function serve(t, { folders = {}, texts = {}, page = PAGE, issuer, apis = [], kept }) {
  const site = { texts, issuer };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://site');
    const [mount, folder] = Object.entries(folders).find(([mount]) => pathname.startsWith(mount)) ?? [];
    const path = folder && resolve(folder, pathname.slice(mount.length) || 'index.html');
    const file = path?.startsWith(resolve(folder) + sep) && existsSync(path) ? path : undefined;
    const text = site.texts[pathname];
    const type = TYPES[extname(file ?? pathname)] ?? TYPES['.html'];
    const body = text ?? (file ? await readFile(file) : type === TYPES['.html'] ? page : undefined);
    response.writeHead(body === undefined ? 404 : 200, {
      'content-type': type,
      'cache-control': kept && pathname.startsWith(kept) ? 'public, max-age=31536000, immutable' : 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy': policy(site.issuer, ...apis),
    });
    response.end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp(t, () => new Promise((resolve) => {
    server.closeAllConnections();
    server.close(resolve);
  }));
  site.origin = `http://127.0.0.1:${server.address().port}`;
  return site;
}

/** One registered page, as TOML. */
export const client = (id, redirectUris) =>
  `[[client]]\nid = '${id}'\nname = 'Site'\ntype = 'web'\nredirect_uris = ${JSON.stringify(redirectUris)}\nid_token_alg = 'ES256'\nalways_refresh = true\nfirst_party = true\n`;

/** A site and an authority that knows it as `site`; between them a gate. A `peer` is another site with texts of its own. */
export async function startSite(t, { dpop = 'preferred', peer, clients = () => '' } = {}) {
  const gate = await startGate(t);
  const site = await serve(t, { folders: { '/gatepass/': PACKAGE }, texts: { '/app.js': SITE_APP }, issuer: gate.origin });
  if (peer) site.peer = await serve(t, { texts: peer, issuer: gate.origin });
  const known = client('site', [`${site.origin}/callback`]) + clients({ site: site.origin, peer: site.peer?.origin });
  const authority = await startAuthority(t, { config: `issuer = '${gate.origin}'\n${known}` });
  gate.target = authority.address;
  const options = { issuer: authority.issuer, clientId: 'site', scope: 'openid email', idTokenAlg: 'ES256', dpop };
  site.texts['/options.js'] = `export const options = ${JSON.stringify(options)};`;
  return { site, authority, gate };
}

/**
 * Puts a page's clock and its patience into the test's hands: `shift` moves the clock by seconds from now on; a wait with a
 * limit ends when `hurry` says that so many milliseconds are over, and not before. It may leave out those that are longer.
 */
export async function holdTime(context, seconds = 0) {
  await context.addInitScript((seconds) => {
    const Now = Date;
    let offset = seconds * 1000;
    globalThis.Date = class extends Now {
      constructor(...given) {
        super(...(given.length === 0 ? [Now.now() + offset] : given));
      }

      static now() {
        return Now.now() + offset;
      }
    };
    globalThis.shift = (seconds) => void (offset = seconds * 1000);
    const waits = new Set();
    AbortSignal.timeout = (limit) => {
      const own = new AbortController();
      waits.add({ limit, own });
      return own.signal;
    };
    globalThis.hurry = (least, most = Infinity) => {
      for (const wait of waits) {
        if (wait.limit < least || wait.limit > most) continue;
        waits.delete(wait);
        wait.own.abort(new DOMException('the time is up', 'TimeoutError'));
      }
    };
  }, seconds);
}

/** Lets time pass for the server, for pages that are open, and for those that will be. */
export async function later(authority, context, seconds) {
  authority.later(seconds);
  await context.addInitScript((seconds) => globalThis.shift(seconds), seconds);
  await Promise.all(context.pages().map((page) => page.evaluate((seconds) => globalThis.shift?.(seconds), seconds)));
}

/** Opens the site in a tab of its own. */
export async function openTab(context, site, path = '/') {
  const page = await context.newPage();
  await page.goto(`${site.origin}${path}`);
  await started(page);
  return page;
}

/** Waits until a page of the site has found out who is signed in. */
export const started = (page) => page.waitForFunction(() => globalThis.app?.events.length > 0);

/** Who is signed in, by the page's own word. */
export const who = (page) => page.evaluate(async () => (await globalThis.app.gatepass.getSession())?.claims.email ?? null);

/** Waits until a page shows that somebody, or nobody, is signed in. */
export const shows = (page, state) => page.waitForFunction((state) => globalThis.app && document.body.dataset.state === state, state);

/** Asks a page for a token; what went wrong is its code. */
export const token = (page, options) =>
  page.evaluate(async (options) => {
    const { gatepass } = globalThis.app;
    return gatepass.getAccessToken(options).then(({ value, type, expiresAt }) => ({ value, type, expiresAt }), (error) => ({ error: error.code, retryable: error.retryable }));
  }, options);

/** Begins a sign-in; the page leaves for the issuer. */
export const leave = (page, options) => page.evaluate((options) => void globalThis.app.gatepass.signIn(options).catch(() => {}), options);

/** Asks for the letter and opens its link, up to the last button. */
export async function walk(authority, page, { email = 'user@example.com', ...options } = {}) {
  await leave(page, options);
  await page.locator('#email').fill(email);
  await page.locator('#continue').click();
  await page.locator('#enter-code').waitFor();
  await page.goto((await authority.letter(email)).link);
  return page.locator('#open-link #sign-in');
}

/** Signs in by the link in the mail, in the browser that asked. */
export async function signIn(authority, page, options) {
  await (await walk(authority, page, options)).click();
  await shows(page, 'signed-in');
}
