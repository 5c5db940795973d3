// An app of anybody's on an origin of its own, with the package as it is shipped, and our authority to sign in at.
import { readFileSync } from 'node:fs';
import { createServer, request as ask } from 'node:http';
import { join } from 'node:path';
import { startAuthority } from './authority.mjs';
import { cleanUp, freePort } from './process.mjs';
import { WWW } from './tree.mjs';

const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' http://127.0.0.1:*; form-action http://127.0.0.1:*; base-uri 'none'";
const TYPES = { js: 'text/javascript', wasm: 'application/wasm' };

/** Listens on a port of this machine until the test is over. */
export async function listen(t, handle, port = 0) {
  const server = createServer(handle);
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  cleanUp(t, () => new Promise((resolve) => {
    server.closeAllConnections();
    server.close(resolve);
  }));
  return `http://127.0.0.1:${server.address().port}`;
}

/** The page puts what it has done where a test can see it: `window.gatepass`, `window.told`, `document.body.dataset`. */
const page = (issuer, options) => `
import { createGatepass } from '/gatepass/gatepass.js';
const gatepass = await createGatepass({
  issuer: '${issuer}', clientId: 'app', redirectUri: location.origin + '/callback', scope: 'openid email profile',
  idTokenAlg: 'ES256', ...${JSON.stringify(options)}, ...globalThis.wishes,
});
const told = [];
gatepass.on('session', ({ session, reason }) => told.push(reason + (session ? ' ' + session.claims.email : '')));
for (const name of ['expiring', 'error', 'storageDegraded']) gatepass.on(name, () => told.push(name));
Object.assign(window, { gatepass, told });
const handled = location.pathname === '/callback' && gatepass.handleCallback().then((session) => session ? 'signed-in' : 'nothing', (error) => error.code);
document.body.dataset.handled = await handled;
document.body.dataset.state = (await gatepass.getSession()) ? 'signed-in' : 'signed-out';
`;

/** Starts both. `headers` go with every page, of the app and of the issuer; `options` to `createGatepass`; `client` to the issuer's settings. */
export async function startApp(t, { headers = {}, options = {}, client = '' } = {}) {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const config = `[[client]]
id = 'app'
name = 'App'
type = 'web'
redirect_uris = ['${origin}/callback']
id_token_alg = 'ES256'
always_refresh = true
first_party = true
${typeof client === 'function' ? client({ origin }) : client}
`;
  // The issuer's pages come through a proxy that adds the headers, as an operator's would.
  const front = Object.keys(headers).length > 0 && (await freePort());
  const authority = await startAuthority(t, { config, args: front ? ['--issuer', `http://127.0.0.1:${front}`] : [] });
  if (front) {
    await listen(t, (request, response) => {
      const { hostname, port: back } = new URL(authority.address);
      const forward = ask({ hostname, port: back, method: request.method, path: request.url, headers: request.headers });
      forward.on('response', (answer) => {
        response.writeHead(answer.statusCode, { ...answer.headers, ...headers });
        answer.pipe(response);
      });
      forward.on('error', () => response.destroy());
      request.pipe(forward);
    }, front);
  }
  const app = { authority, origin, /** While it is so, the callback page does nothing. */ idle: false };
  await listen(t, (request, response) => {
    const { pathname } = new URL(request.url, origin);
    const [, file] = /^\/gatepass\/([\w.]+)$/.exec(pathname) ?? [];
    const body = file ? readFileSync(join(WWW, 'web', file))
      : pathname === '/app.js' ? page(authority.issuer, options)
      : pathname === '/worker.js' ? "import { createGatepass } from '/gatepass/gatepass.js'; onmessage = async ({ data, source, ports: [port] }) => { try { const gatepass = await createGatepass(data); port.postMessage({ session: await gatepass.getSession(), token: (await gatepass.getAccessToken()).type, signIn: await gatepass.signIn().catch((error) => `${error.code} ${error.detail}`) }); } catch (error) { port.postMessage({ code: error.code, message: String(error) }); } };"
      : app.idle && pathname === '/callback' ? '<!doctype html><html lang="en"><title>Idle</title></html>'
      : '<!doctype html><html lang="en"><title>App</title><body><main><h1>App</h1></main><script type="module" src="/app.js"></script></body></html>';
    const type = TYPES[pathname.split('.')[1]] ?? 'text/html';
    response.writeHead(200, { 'content-type': type, 'content-security-policy': POLICY, ...headers }).end(body);
  }, port);
  return app;
}

/** Goes through the sign-in in a page that shows it, by the link in the mail. */
export async function signInAt(authority, page, email = 'user@example.com') {
  await page.locator('#email').fill(email);
  await page.locator('#continue').click();
  await page.locator('#enter-code').waitFor();
  await page.goto((await authority.letter(email)).link);
  await page.locator('#open-link #sign-in').click();
}

/** Waits until the app's page has started and, on its callback, has finished. */
export const ready = (page) => page.waitForFunction(() => document.body?.dataset.state);
