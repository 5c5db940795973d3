// How long a page waits for a token that is there, and for a session that is there: three libraries, signed in for real in one browser.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startAuthority } from '../support/authority.mjs';
import { bundle } from '../support/bundle.mjs';
import { openBrowser } from '../support/chromium.mjs';
import { startGate } from '../support/gate.mjs';
import { PACKAGE, serve } from '../support/site.mjs';

/** The same four words for each; each keeps its session where it survives the page. */
const LIBRARIES = {
  '@gatepass/web': `
    import { createGatepass } from ${JSON.stringify(join(PACKAGE, 'gatepass.js'))};
    export const open = ({ issuer, client, redirect }) => createGatepass({ issuer, clientId: client, redirectUri: redirect, scope: 'openid email' });
    export const signIn = (it) => it.signIn();
    export const finish = (it) => it.handleCallback();
    export const session = (it) => it.getSession();
    export const token = async (it) => (await it.getAccessToken()).value;`,
  'oidc-client-ts': `
    import { UserManager, WebStorageStateStore } from 'oidc-client-ts';
    export const open = ({ issuer, client, redirect }) => new UserManager({ authority: issuer, client_id: client, redirect_uri: redirect, scope: 'openid email', userStore: new WebStorageStateStore({ store: localStorage }) });
    export const signIn = (it) => it.signinRedirect();
    export const finish = (it) => it.signinCallback();
    export const session = (it) => it.getUser();
    export const token = async (it) => (await it.getUser()).access_token;`,
  '@auth0/auth0-spa-js': `
    import { createAuth0Client } from '@auth0/auth0-spa-js';
    export const open = ({ issuer, client, redirect }) => createAuth0Client({ domain: issuer.replace(/\\/$/, ''), clientId: client, useRefreshTokens: true, cacheLocation: 'localstorage', authorizationParams: { redirect_uri: redirect, scope: 'openid email' } });
    export const signIn = (it) => it.loginWithRedirect();
    export const finish = (it) => it.handleRedirectCallback();
    export const session = (it) => it.getUser();
    export const token = (it) => it.getTokenSilently();`,
};

/**
 * `/callback/N` finishes a sign-in, `/warm` has all three at once. `/cold/N` restores a session and takes the time, with the
 * library's files in the browser's cache, as a deployment lets it keep them; `/first/N` does it with nothing kept.
 */
const APP = `
import { issuer, count } from '/options.js';
const [, what, which] = location.pathname.split('/');
const options = (number) => ({ issuer, client: 'bench', redirect: location.origin + '/callback/' + number });
if (what === 'cold' || what === 'first') {
  const start = performance.now();
  const { open, session } = await import((what === 'cold' ? '/kept/' : '/new/') + which + '.js');
  const found = await session(await open(options(which)));
  console.log(JSON.stringify({ took: performance.now() - start, found: Boolean(found) }));
} else {
  const numbers = what === 'warm' ? [...Array(count).keys()] : [Number(which)];
  globalThis.libraries = await Promise.all(numbers.map(async (number) => {
    const library = await import('/kept/' + number + '.js');
    return { ...library, it: await library.open(options(number)) };
  }));
  if (what === 'callback') {
    const [{ it, finish, token }] = globalThis.libraries;
    await finish(it);
    globalThis.done = await token(it);
  }
}
globalThis.ready = true;
`;

/** Takes the times: so many rounds, in which each has its turn. */
export async function times(scope, { rounds, calls }) {
  const names = Object.keys(LIBRARIES);
  const gate = await startGate(scope);
  // auth0-spa-js tells its server what it is.
  gate.allows = 'auth0-client';
  const texts = { '/app.js': APP };
  const wasm = readFileSync(join(PACKAGE, 'gatepass_web_bg.wasm'));
  const bundles = await Promise.all(names.map((name) => bundle(LIBRARIES[name])));
  for (const folder of ['/kept', '/new']) {
    texts[`${folder}/gatepass_web_bg.wasm`] = wasm;
    for (const [at, text] of bundles.entries()) texts[`${folder}/${at}.js`] = text;
  }
  // The slash at its end is what auth0-spa-js expects of every issuer.
  const issuer = `${gate.origin}/`;
  const site = await serve(scope, { texts, issuer, kept: '/kept/' });
  texts['/options.js'] = `export const issuer = '${issuer}'; export const count = ${names.length};`;
  const redirects = names.map((_, at) => `${site.origin}/callback/${at}`);
  const authority = await startAuthority(scope, {
    config: `issuer = '${issuer}'\n[[client]]\nid = 'bench'\nname = 'Bench'\ntype = 'web'\nredirect_uris = ${JSON.stringify(redirects)}\nid_token_alg = 'RS256'\nalways_refresh = true\nfirst_party = true\n`,
  });
  gate.target = authority.address;

  const { context } = await openBrowser(scope);
  const page = await context.newPage();
  for (const at of names.keys()) await signIn(authority, page, `${site.origin}/page/${at}`, at === 0);
  const requests = gate.asked;

  const restored = { cold: names.map(() => []), first: names.map(() => []) };
  for (let round = 0; round <= rounds; round += 1) {
    for (const [how, took] of Object.entries(restored)) {
      for (const at of names.keys()) {
        // The page says when it is done: whoever asked it meanwhile would take its time for his own scripts.
        const [said] = await Promise.all([page.waitForEvent('console'), page.goto(`${site.origin}/${how}/${at}`, { waitUntil: 'commit' })]);
        const { took: time, found } = JSON.parse(said.text());
        if (!found) throw new Error(`${names[at]} does not know its session any more`);
        // The first round fills caches.
        if (round > 0) took[at].push(time);
      }
    }
  }

  await page.goto(`${site.origin}/warm`);
  await page.waitForFunction(() => globalThis.ready);
  const cached = await page.evaluate(async ({ rounds, calls }) => {
    const { libraries } = globalThis;
    const times = libraries.map(() => []);
    for (let round = 0; round <= rounds; round += 1) {
      for (const [at, { it, token }] of libraries.entries()) {
        const start = performance.now();
        for (let call = 0; call < calls; call += 1) if (!(await token(it))) throw new Error('no token');
        if (round > 0) times[at].push((performance.now() - start) / calls);
      }
    }
    return times;
  }, { rounds, calls });
  if (gate.asked !== requests) throw new Error('somebody asked the server, so this was not cached');
  return { chromium: context.browser()?.version() ?? '', cached: summary(names, cached), cold: summary(names, restored.cold), first: summary(names, restored.first) };
}

async function signIn(authority, page, url, first) {
  await page.goto(url);
  await page.waitForFunction(() => globalThis.ready);
  await page.evaluate(() => {
    const [{ it, signIn }] = globalThis.libraries;
    void signIn(it);
  });
  if (first) {
    await page.locator('#email').fill('user@example.com');
    await page.locator('#continue').click();
    await page.locator('#enter-code').waitFor();
    await page.goto((await authority.letter('user@example.com')).link);
    await page.locator('#open-link #sign-in').click();
  }
  await page.waitForURL(/\/callback\//);
  await page.waitForFunction(() => globalThis.done);
}

const middle = (sorted) => (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;

/** Medians in milliseconds, and ours beside theirs. */
function summary(names, times) {
  const medians = times.map((own) => middle([...own].sort((one, other) => one - other)));
  const rounded = (number) => Math.round(number * 1000) / 1000;
  return names.map((name, at) => ({ name, median_ms: rounded(medians[at]), ratio: rounded(medians[0] / medians[at]) }));
}
