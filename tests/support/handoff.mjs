// What a handoff needs: a terminal that asks for it, a person at our dashboard, and a dashboard of other make.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import * as client from 'openid-client';
import { listen, signInAt } from './app.mjs';
import { cleanUp, eventually } from './process.mjs';
import { Company } from './pty.mjs';
import { WWW } from './tree.mjs';

/** A terminal whose program is signed in by a dashboard; what it opens is written down. */
export class Acme extends Company {
  constructor(t, { issuer, dashboard = `${issuer}/dashboard`, client = 'gatepass-cli', top = '', login = '' }) {
    super(t, 'cloudsignal', 'acme');
    writeFileSync(this.installed, `
name = "acme"
issuer = "${issuer}"
client_id = "${client}"
id_token_signed_response_alg = "ES256"
dashboard = "${dashboard}"
${top}
[storage]
place = "file"
file = "~/.acme/credentials.json"
[login]
via = "dashboard"
${login}
`);
    this.kept = join(this.home, '.acme/credentials.json');
    this.opened = join(this.home, 'opened');
    const opener = join(this.home, 'bin/opener');
    writeFileSync(opener, '#!/bin/sh\nprintf %s "$1" > "$HOME/opened.new" && mv "$HOME/opened.new" "$HOME/opened"\n');
    chmodSync(opener, 0o755);
    this.env.USER = 'ada';
    this.browser = { BROWSER: opener };
  }

  /** Begins a login; gives the program, the page's address, what was asked there, and the words. */
  async begin(line = 'acme login', env = this.browser) {
    rmSync(this.opened, { force: true });
    const program = this.at(line, env);
    const [, words] = await program.shows(/compare these three words with the page: (\S+)/);
    const [, url] = await program.shows(/^ *(http\S+#v=1\S*)$/m);
    if (env.BROWSER) await eventually(() => existsSync(this.opened));
    if (env.BROWSER) assert.equal(readFileSync(this.opened, 'utf8'), url);
    return { program, url, words, asked: new URLSearchParams(new URL(url).hash.slice(1)) };
  }
}

/** Waits until a page of our dashboard has come to this. */
export const at = (page, state) => page.locator(`body[data-state="${state}"]`).waitFor();

/** Signs somebody in at our dashboard. */
export async function signInThere(authority, page, email, dashboard = `${authority.issuer}/dashboard/`) {
  await page.goto(dashboard);
  await at(page, 'signed-out');
  await page.locator('#sign-in').click();
  await signInAt(authority, page, email);
  await at(page, 'signed-in');
}

/** Takes a request through our dashboard's page, to the page of the issuer. */
export async function ask(page, url) {
  await page.goto(url);
  await at(page, 'question');
  await page.locator('#continue').click();
  await page.locator('#handoff').waitFor();
}

const PAGE = `<!doctype html><title>Acme</title><button id="continue">Continue</button><script type="module">
const fragment = location.hash.slice(1);
history.replaceState(null, '', location.pathname);
const show = (text) => { document.body.dataset.status = new URLSearchParams(text).get('status') ?? 'asked'; };
show(fragment);
addEventListener('hashchange', () => show(location.hash.slice(1)));
document.querySelector('#continue').onclick = async () => {
  const response = await fetch('/begin', { method: 'POST', body: fragment });
  const answer = await response.text();
  if (response.ok) location.assign(answer);
  else document.body.dataset.status = answer;
};
</script>`;

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm' };

/** Our dashboard on an origin of its own, for the issuer that `issuer` is set to, under the policy that ours has. */
export async function serveDashboard(t) {
  const site = {};
  site.origin = await listen(t, (request, response) => {
    const { pathname } = new URL(request.url, site.origin);
    const wanted = join(WWW, pathname.endsWith('/') ? `${pathname}index.html` : pathname);
    const file = [wanted, `${wanted}.html`].find((path) => TYPES[extname(path)] && existsSync(path));
    if (!file) return response.writeHead(404).end();
    const type = TYPES[extname(file)];
    const meta = `<meta name="gatepass-issuer" content="${site.issuer}">`;
    const body = type === 'text/html' ? readFileSync(file, 'utf8').replace('<title>', `${meta}<title>`) : readFileSync(file);
    const policy = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; connect-src 'self' ${site.issuer}; form-action 'self' http://127.0.0.1:*; frame-ancestors 'none'; base-uri 'none'`;
    response.writeHead(200, { 'content-type': type, 'content-security-policy': policy, 'referrer-policy': 'no-referrer' }).end(body);
  });
  return site;
}

/**
 * A dashboard with a server of its own that follows the handoff's rules and knows nothing of our package: openid-client
 * holds its session, and its page has a button. It listens first: its origin stands in the authority's configuration.
 */
export class Dashboard {
  static async start(t, pages = {}) {
    const dashboard = new Dashboard();
    const server = createServer(async (request, response) => {
      const { pathname } = new URL(request.url, dashboard.origin);
      const [kind, body] = pages[pathname] ?? ['text/html', await dashboard.answer(pathname, request, response)];
      response.setHeader('content-type', kind);
      response.end(body);
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanUp(t, () => new Promise((resolve) => server.close(resolve).closeAllConnections()));
    dashboard.origin = `http://127.0.0.1:${server.address().port}`;
    dashboard.config = `
[[client]]
id = "acme-dashboard"
name = "Acme"
type = "web"
first_party = true
redirect_uris = ["${dashboard.origin}/callback"]
`;
    return dashboard;
  }

  async answer(path, request, response) {
    if (path === '/callback') {
      this.tokens = await client.authorizationCodeGrant(this.known, new URL(request.url, this.origin), this.checks, undefined, { DPoP: this.DPoP });
      return '<body data-status="signed-in">';
    }
    if (path === '/begin') {
      // As from a page of it: the issuer lets the browser come back to this origin.
      const headers = new Headers({ 'content-type': 'application/x-www-form-urlencoded', origin: this.origin });
      const url = new URL(this.known.serverMetadata().gatepass_handoff_endpoint);
      const asked = await client.fetchProtectedResource(this.known, this.tokens.access_token, url, 'POST', await text(request), headers, { DPoP: this.DPoP });
      const answer = await asked.json();
      response.statusCode = asked.status === 201 ? 200 : asked.status;
      return answer.handoff_uri ?? answer.error_description ?? answer.error;
    }
    response.statusCode = path === '/cli' ? 200 : 404;
    return PAGE;
  }

  /** Signs somebody in, in a browser's page. */
  async signIn(authority, page, email) {
    const options = { execute: [client.allowInsecureRequests] };
    this.known = await client.discovery(new URL(authority.issuer), 'acme-dashboard', undefined, client.None(), options);
    this.DPoP = client.getDPoPHandle(this.known, await client.randomDPoPKeyPair('ES256'));
    const verifier = client.randomPKCECodeVerifier();
    this.checks = { pkceCodeVerifier: verifier, expectedState: client.randomState() };
    const url = client.buildAuthorizationUrl(this.known, {
      redirect_uri: `${this.origin}/callback`,
      scope: 'openid email profile offline_access',
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state: this.checks.expectedState,
    });
    await page.goto(url.href);
    await page.locator('#email').fill(email);
    await page.locator('#continue').click();
    await page.locator('#enter-code').waitFor();
    await page.goto((await authority.letter(email)).link);
    await page.locator('#open-link #sign-in').click();
    await page.locator('[data-status="signed-in"]').waitFor();
  }
}
