// Every page of the house, in every state that a person can meet, from real runs: walked to by the tests of the pages, and
// by whoever takes pictures of them.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import * as client from 'openid-client';
import { startAuthority, signIn as visit } from './authority.mjs';
import { openBrowser } from './chromium.mjs';
import { cleanUp, freePort } from './process.mjs';
import { startUpstream } from './provider.mjs';
import { Terminal } from './terminal.mjs';
import { Visitor } from './visitor.mjs';

export const EMAIL = 'ada@example.com';
const ORGANIZATIONS = `
[[organization]]
id = "550e8400-e29b-41d4-a716-446655440000"
name = "Analytical Engines"
owners = ["${EMAIL}"]
`;
const TELEVISION = `
[[client]]
id = "television"
name = "A television"
type = "native"
redirect_uris = []
grant_types = ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]
`;

/**
 * A browser that looks at pages: `look(name, page)` is called on each. What a page loads and says to the console is kept.
 * @typedef {(name: string, page: import('playwright-core').Page) => Promise<void>} Look
 */
export class Tour {
  constructor(t, authority, browser, look) {
    this.t = t;
    this.authority = authority;
    this.context = browser.context;
    this.look = look;
    /** What pages loaded from elsewhere than they came from. */
    this.strangers = [];
    /** What pages said to the console, where nobody broke them on purpose. */
    this.troubles = [];
    this.context.on('request', (request) => {
      if (request.isNavigationRequest()) return;
      const from = request.frame().url();
      if (new URL(request.url()).origin !== new URL(from).origin) this.strangers.push(`${request.url()} from ${from}`);
    });
    this.context.on('weberror', (error) => this.troubles.push(String(error.error())));
    this.context.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.troubles.push(`${message.text()} (${message.location().url})`);
    });
  }

  /** Starts an authority and a browser. */
  static async start(t, look, options = {}) {
    const authority = await startAuthority(t, { www: true, config: TELEVISION, ...options });
    return new Tour(t, authority, await openBrowser(t), look);
  }

  get dashboard() {
    return `${this.authority.issuer}/dashboard/`;
  }

  page() {
    return this.context.newPage();
  }

  /** Runs what breaks pages on purpose: what the browser itself says of it is no trouble. */
  async breaking(work) {
    const before = this.troubles.length;
    const result = await work();
    const said = this.troubles.splice(before);
    this.troubles.push(...said.filter((text) => !/^Failed to load resource/.test(text)));
    return result;
  }

  /** Lets time pass for the server, and for the pages that are opened from now on. */
  async later(seconds) {
    this.authority.later(seconds);
    await this.context.addInitScript((offset) => {
      const now = Date.now.bind(Date);
      Date.now = () => now() + offset * 1000;
    }, seconds);
  }

  /** Goes through the sign-in from wherever it asks for the address. */
  async signIn(page, email = EMAIL) {
    await page.locator('#email').fill(email);
    await page.locator('#continue').click();
    await page.locator('#enter-code').waitFor();
    await page.goto((await this.authority.letter(email)).link);
    await page.locator('#open-link #sign-in').click();
  }

  /** Opens the dashboard and signs in there. */
  async signedIn() {
    const page = await this.page();
    await page.goto(this.dashboard);
    await state(page, 'signed-out');
    await page.locator('#sign-in').click();
    await this.signIn(page);
    await state(page, 'signed-in');
    return page;
  }
}

/** Waits for the state of a page of ours. */
export const state = (page, name) => page.waitForFunction((wanted) => document.body?.dataset.state === wanted, name);

/** Lets no answer to an address through until what is given is called. */
async function hold(page, address) {
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  await page.route(address, (route) => held.then(() => route.continue()));
  return release;
}

/** The sign-in, from the signed-out dashboard to the dashboard: here and in another browser. */
export async function signIn(t, look) {
  const tour = await Tour.start(t, look);
  const { authority } = tour;
  const page = await tour.page();
  await page.goto(`${authority.issuer}/dev/mailbox`);
  await look('mailbox-empty', page);

  const wasm = '**/gatepass_web_bg.wasm';
  const release = await hold(page, wasm);
  await page.goto(tour.dashboard, { waitUntil: 'commit' });
  await page.locator('#loading h1').waitFor();
  await look('dashboard-loading', page);
  release();
  await state(page, 'signed-out');
  await page.unroute(wasm);
  await look('dashboard-signed-out', page);

  await tour.breaking(async () => {
    await page.route(wasm, (route) => route.abort());
    await page.goto('about:blank');
    await page.goto(tour.dashboard);
    await state(page, 'broken');
    await page.unroute(wasm);
  });
  await look('dashboard-broken', page);

  await page.goto(`${tour.dashboard}callback.html?${new URLSearchParams({ code: 'x', state: 'y', iss: authority.issuer })}`);
  await page.locator('#error:not([hidden])').waitFor();
  await look('callback-failed', page);

  await page.goto(tour.dashboard);
  await state(page, 'signed-out');
  await page.locator('#sign-in').click();
  await page.locator('#email').waitFor();
  await look('sign-in', page);
  await tour.breaking(async () => {
    await page.locator('#email').fill('ada@');
    await page.locator('form#sign-in').evaluate((form) => { form.noValidate = true; });
    await page.locator('#continue').click();
    await page.locator('#problem').waitFor();
  });
  await look('sign-in-problem', page);
  await page.locator('#email').fill(EMAIL);
  await page.locator('#continue').click();
  await page.locator('#enter-code').waitFor();
  await look('wait', page);
  await tour.breaking(async () => {
    await page.locator('#code').fill('BCDF-GHJK');
    await page.locator('#continue').click();
    await page.locator('#problem').waitFor();
  });
  await look('wait-problem', page);

  const { link } = await authority.letter(EMAIL);
  const elsewhere = await openBrowser(tour.t);
  const other = new Tour(tour.t, authority, elsewhere, look);
  const there = await other.page();
  await there.goto(link);
  await look('link-elsewhere', there);
  await there.locator('#show-code').click();
  await there.locator('#code').waitFor();
  await look('code', there);
  await there.goto(`${authority.issuer}/dev/mailbox`);
  await look('mailbox', there);
  tour.troubles.push(...other.troubles);
  tour.strangers.push(...other.strangers);

  await page.goto(tour.dashboard);
  await state(page, 'signed-out');
  await page.locator('#sign-in').click();
  await page.locator('#email').fill(EMAIL);
  await page.locator('#continue').click();
  await page.locator('#enter-code').waitFor();
  const letter = await tour.page();
  await letter.goto((await authority.letter(EMAIL)).link);
  await letter.locator('#open-link').waitFor();
  await look('link', letter);

  const answer = await hold(letter, '**/oauth/token');
  await letter.locator('#open-link #sign-in').click();
  await letter.waitForURL('**/dashboard/callback.html');
  await look('callback', letter);
  answer();
  await state(letter, 'signed-in');
  await page.locator('#elsewhere').waitFor();
  await look('signed-in', page);
  await letter.close();
  await page.close();
  return tour;
}

/** What programs and devices ask of a person who is signed in, and the way out. */
export async function questions(t, look) {
  const tour = await Tour.start(t, look);
  const { authority } = tour;
  const page = await tour.signedIn();

  const terminal = new Terminal(tour.t, { issuer: authority.issuer, storage: 'file' });
  const denied = await terminal.login();
  await page.goto(denied.url);
  await page.locator('#consent').waitFor();
  await look('consent', page);
  await tour.breaking(async () => {
    await page.locator('#deny:not([aria-disabled])').click();
    await page.getByRole('heading', { name: 'The sign-in did not work' }).waitFor();
  });
  await look('terminal-failure', page);
  await denied.program.ended;

  const allowed = await terminal.login();
  await tour.breaking(async () => {
    await page.goto(new URL(new URL(allowed.url).searchParams.get('redirect_uri')).origin);
    await page.getByRole('heading', { name: 'Nothing waits for this' }).waitFor();
  });
  await look('terminal-stranger', page);
  await page.goto(allowed.url);
  await page.locator('#allow:not([aria-disabled])').click();
  await page.getByRole('heading', { name: 'You are signed in' }).waitFor();
  await look('terminal-success', page);
  await allowed.program.ended;

  for (const [button, end, name] of [['allow', 'done', 'device-done'], ['deny', 'refused', 'device-refused']]) {
    const body = new URLSearchParams({ client_id: 'television', scope: 'openid email' });
    const codes = await (await fetch(`${authority.issuer}/oauth/device/code`, { method: 'POST', body })).json();
    await page.goto(`${authority.issuer}/activate`);
    if (button === 'allow') {
      await look('activate', page);
      await tour.breaking(async () => {
        await page.locator('#user_code').fill('BCDF-GHJK');
        await page.locator('#continue').click();
        await page.locator('#problem').waitFor();
      });
      await look('activate-problem', page);
    }
    await page.locator('#user_code').fill(codes.user_code);
    await page.locator('#continue').click();
    await page.locator('#consent').waitFor();
    if (button === 'allow') await look('device', page);
    await page.locator(`#${button}`).click();
    await page.locator(`#${end}`).waitFor();
    await look(name, page);
  }

  await tour.breaking(() => page.goto(`${authority.issuer}/authorize?client_id=nobody`));
  await look('problem', page);
  await page.goto(`${authority.issuer}/logout`);
  await look('logout', page);
  await page.locator('#sign-out').click();
  await page.locator('#signed-out').waitFor();
  await look('logged-out', page);
  await page.close();
  return tour;
}

/** The dashboard of somebody with a life: other programs, organizations, tokens, and everything that can go wrong. */
export async function dashboard(t, look) {
  const tour = await Tour.start(t, look, { config: ORGANIZATIONS + TELEVISION });
  const { authority, context } = tour;
  const page = await tour.signedIn();
  await page.locator('#grants .things').waitFor();
  await page.locator('#tokens .list p').waitFor();
  await look('dashboard-empty', page);

  const terminal = new Terminal(t, { issuer: authority.issuer, storage: 'file' });
  const { program, url } = await terminal.login();
  const allows = await tour.page();
  await allows.goto(url);
  await allows.locator('#allow:not([aria-disabled])').click();
  await program.ended;
  await allows.close();

  await page.locator('#token-name').fill('nightly backup');
  await page.locator('#make-token').click();
  await page.locator('#made:not([hidden])').waitFor();
  await page.locator('#tokens .things').waitFor();
  await look('dashboard-token', page);
  await page.locator('#put-away').click();

  await page.reload();
  await page.locator('#grants .things > li:nth-child(2)').waitFor();
  await page.locator('#organizations .things').waitFor();
  await page.locator('#tokens .things').waitFor();
  await look('dashboard', page);
  await page.locator('#details summary').click();
  await look('dashboard-details', page);
  await page.locator('#details summary').click();
  await page.locator('#grants .end', { hasText: 'Gatepass CLI' }).click();
  await page.locator('#grants .asks').waitFor();
  await look('dashboard-question', page);
  await page.keyboard.press('Escape');

  await tour.breaking(async () => {
    await context.setOffline(true);
    await page.locator('#notice:not([hidden])').waitFor();
  });
  await look('dashboard-offline', page);
  await tour.breaking(async () => {
    await page.route('**/grants', (route) => route.fulfill({ status: 503 }));
    await page.route('**/orgs', (route) => route.abort());
    await context.setOffline(false);
    await page.locator('#grants .again').waitFor();
    await page.locator('#organizations .again').waitFor();
  });
  await look('dashboard-trouble', page);
  await page.unroute('**/grants');
  await page.unroute('**/orgs');

  // Two other browsers of the same person, and a tab of this one.
  const tab = await tour.page();
  await tab.goto(tour.dashboard);
  await state(tab, 'signed-in');
  await page.locator('#sign-out').click();
  await state(page, 'signed-out');
  await state(tab, 'signed-out');
  await look('dashboard-other-tab', tab);
  await tab.close();

  await page.locator('#sign-in').click();
  await tour.signIn(page);
  await state(page, 'signed-in');
  const elsewhere = new Tour(t, authority, await openBrowser(t), look);
  const there = await elsewhere.signedIn();
  await there.locator('#grants .end', { hasText: 'End Gatepass dashboard' }).first().click();
  await there.locator('#grants .asks .danger').click();
  await there.locator('#grants .asks').waitFor({ state: 'detached' });
  await tour.breaking(async () => {
    await page.locator('#details summary').click();
    await page.locator('#refresh').click();
    await state(page, 'signed-out');
  });
  await look('dashboard-ended', page);
  tour.troubles.push(...elsewhere.troubles);
  tour.strangers.push(...elsewhere.strangers);
  return tour;
}

/** A terminal that listens for its answer, and the address that it opens; it tells the page that it is signed in. */
export async function startListener(t, authority) {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(303, { location: `${authority.issuer}/dashboard/cli#status=ok` }).end());
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp(t, () => new Promise((resolve) => {
    server.closeAllConnections();
    server.close(resolve);
  }));
  const random = () => randomBytes(32).toString('base64url');
  const form = new URLSearchParams({
    v: '1',
    iss: authority.issuer,
    client_id: 'gatepass-cli',
    redirect_uri: `http://127.0.0.1:${server.address().port}/gatepass/${random()}`,
    response_type: 'code',
    scope: 'openid email',
    state: random(),
    nonce: random(),
    code_challenge: random(),
    code_challenge_method: 'S256',
    dpop_jkt: random(),
    device: 'ada@thinkpad',
  });
  return `${authority.issuer}/dashboard/cli#${form}`;
}

/** A terminal that asks by the dashboard, from its address to the end. */
export async function handoff(t, look) {
  const tour = await Tour.start(t, look);
  const { authority } = tour;
  const page = await tour.page();
  const cli = `${authority.issuer}/dashboard/cli`;
  await page.goto(cli);
  await state(page, 'none');
  await look('cli-none', page);
  await page.goto(`${cli}#v=1&iss=https://elsewhere.example`);
  await state(page, 'failed');
  await look('cli-refused', page);

  await page.goto(await startListener(t, authority));
  await state(page, 'signed-out');
  await look('cli-signed-out', page);
  await page.locator('#continue').click();
  await tour.signIn(page);
  await state(page, 'question');
  await look('cli', page);

  // What sends the answer on would leave before anybody has looked.
  await page.route('**/assets/handoff.js', (route) => route.fulfill({ contentType: 'text/javascript', body: '' }));
  await page.locator('#continue').click();
  await page.locator('form#handoff').waitFor();
  await look('handoff', page);
  await page.locator('#allow:not([aria-disabled])').click();
  await page.locator('#done').waitFor();
  await look('handoff-answer', page);
  await page.locator('#show-code').click();
  await page.locator('#code').waitFor();
  await look('handoff-code', page);

  await page.goto(await startListener(t, authority));
  await state(page, 'question');
  await page.locator('#continue').click();
  await page.locator('form#handoff').waitFor();
  await page.locator('#deny:not([aria-disabled])').click();
  await page.locator('#refused').waitFor();
  await look('handoff-refused', page);
  for (const status of ['ok', 'denied', 'failed']) {
    await page.goto(`${cli}#status=${status}`);
    await state(page, status);
    await look(`cli-${status}`, page);
  }
  return tour;
}

/** A terminal that signs a browser in by a link. */
export async function sessionLink(t, look) {
  const tour = await Tour.start(t, look);
  const { authority } = tour;
  const options = { execute: [client.allowInsecureRequests] };
  const config = await client.discovery(new URL(authority.issuer), 'gatepass-cli', { id_token_signed_response_alg: 'ES256' }, client.None(), options);
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
  const [pkceCodeVerifier, expectedState] = [client.randomPKCECodeVerifier(), client.randomState()];
  const redirect = 'http://127.0.0.1:53123/callback';
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirect,
    scope: 'openid email',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
  });
  const end = await visit(authority, new Visitor(), url.href, { email: EMAIL, stop: (address) => address.startsWith(redirect) });
  const { access_token: token } = await client.authorizationCodeGrant(config, new URL(end.url), { pkceCodeVerifier, expectedState }, undefined, { DPoP });
  const link = async () => {
    const answer = await client.fetchProtectedResource(config, token, new URL(`${authority.issuer}/session/link`), 'POST', undefined, undefined, { DPoP });
    return (await answer.json()).url;
  };
  const page = await tour.page();
  await page.goto(await link());
  await page.locator('form').waitFor();
  await look('session-link', page);
  await page.locator('#cancel:not([aria-disabled])').click();
  await page.locator('form').waitFor({ state: 'detached' });
  await look('session-link-done', page);
  return tour;
}

/** The page between us and an organization's own sign-in. It goes on by itself, so its header for that is taken away. */
export async function upstream(t, look) {
  const port = await freePort();
  const clientSecret = randomBytes(24).toString('base64url');
  const tour = await Tour.start(t, look, { config: `
[[connection]]
id = "oidc"
name = "Example SSO"
issuer = "http://127.0.0.1:${port}"
client_id = "gatepass"
client_secret = "${clientSecret}"
domains = ["example.com"]
` });
  await startUpstream(t, { port, clientSecret, redirectUri: `${tour.authority.issuer}/oauth/callback/oidc`, people: {} });
  const page = await tour.page();
  await page.route('**/login/email', async (route) => {
    const response = await route.fetch({ maxRedirects: 0 });
    const { refresh, ...headers } = response.headers();
    await route.fulfill({ response, headers });
  });
  await page.goto(tour.dashboard);
  await state(page, 'signed-out');
  await page.locator('#sign-in').click();
  await page.locator('#email').fill(EMAIL);
  await page.locator('#continue').click();
  await page.locator('#upstream').waitFor();
  await look('upstream', page);
  return tour;
}

/** The whole tour. */
export const PARTS = [signIn, dashboard, questions, handoff, sessionLink, upstream];
