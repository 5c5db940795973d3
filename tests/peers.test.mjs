// Clients and servers written by others, in one browser with ours: npm oidc-client-ts beside our authority, and our package beside
// npm oidc-provider.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundle } from './support/bundle.mjs';
import { openBrowser } from './support/chromium.mjs';
import { startPageProvider } from './support/provider.mjs';
import { PACKAGE, SITE_APP, client, leave, openTab, serve, shows, signIn, skip, startSite, token } from './support/site.mjs';

/** A page that signs in by oidc-client-ts, as its documentation says. */
const PEER = `
import { IndexedDbDPoPStore, UserManager, WebStorageStateStore } from 'oidc-client-ts';
import { options, dpop } from '/options.js';
const manager = new UserManager({
  ...options,
  redirect_uri: location.origin + '/callback',
  userStore: new WebStorageStateStore({ store: localStorage }),
  revokeTokensOnSignout: true,
  ...(dpop && { dpop: { bind_authorization_code: true, store: new IndexedDbDPoPStore() } }),
});
if (new URLSearchParams(location.search).has('state')) await manager.signinCallback();
const user = await manager.getUser();
globalThis.app = { manager };
document.body.dataset.state = user ? 'signed-in' : 'signed-out';
`;

for (const dpop of [false, true]) {
  test(`oidc-client-ts signs in ${dpop ? 'with' : 'without'} DPoP, beside us in the same browser`, { skip }, async (t) => {
    const { site, authority } = await startSite(t, {
      clients: (origins) => client('peer', [`${origins.peer}/callback`]),
      peer: { '/app.js': await bundle(PEER, { external: ['/options.js'] }) },
    });
    const { peer } = site;
    peer.texts['/options.js'] = `export const dpop = ${dpop}; export const options = ${JSON.stringify({ authority: authority.issuer, client_id: 'peer', scope: 'openid email' })};`;
    const { context } = await openBrowser(t);
    const ours = await openTab(context, site);
    await signIn(authority, ours);

    // The authority knows this browser by now: nothing is asked again.
    const theirs = await context.newPage();
    await theirs.goto(peer.origin);
    await shows(theirs, 'signed-out');
    await theirs.evaluate(() => void globalThis.app.manager.signinRedirect());
    await shows(theirs, 'signed-in');
    const user = () => theirs.evaluate(async () => {
      const { access_token: value, token_type: type, refresh_token: refresh, profile } = await globalThis.app.manager.getUser();
      return { value, type, refresh, email: profile.email };
    });
    const first = await user();
    assert.deepEqual([first.email, first.type], ['user@example.com', dpop ? 'DPoP' : 'Bearer']);
    await theirs.evaluate(() => globalThis.app.manager.signinSilent());
    const second = await user();
    assert.notEqual(second.value, first.value);
    assert.equal((await token(ours)).error, undefined, 'neither disturbs the other');

    await theirs.evaluate(() => void globalThis.app.manager.signoutRedirect());
    await theirs.locator('form button').click();
    await theirs.getByText('signed out').first().waitFor();
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: second.refresh, client_id: 'peer' });
    assert.equal((await fetch(`${authority.issuer}/oauth/token`, { method: 'POST', body })).status, 400);
    await theirs.goto(peer.origin);
    await shows(theirs, 'signed-out');
  });
}

for (const dpop of [false, true]) {
  for (const rotates of [false, true]) {
    test(`our package signs in at oidc-provider, ${dpop ? 'with' : 'without'} DPoP, ${rotates ? 'with' : 'without'} rotation`, { skip }, async (t) => {
      const site = await serve(t, { folders: { '/gatepass/': PACKAGE }, texts: { '/app.js': SITE_APP } });
      const { issuer, provider } = await startPageProvider(t, { redirectUri: `${site.origin}/callback`, dpop, rotates });
      site.issuer = issuer;
      site.texts['/options.js'] = `export const options = ${JSON.stringify({ issuer, clientId: 'page', scope: 'openid email offline_access' })};`;
      const used = [];
      provider.on('grant.success', ({ oidc: { params } }) => params.grant_type === 'refresh_token' && used.push(params.refresh_token));
      const { context } = await openBrowser(t);
      const page = await openTab(context, site);
      await leave(page);
      await page.locator('input[name=login]').fill('user@example.com');
      await page.locator('input[name=password]').fill('x');
      await page.locator('button[type=submit]').click();
      await page.getByText('Continue').click();
      await shows(page, 'signed-in');
      const session = await page.evaluate(() => globalThis.app.gatepass.getSession());
      assert.deepEqual([session.subject, session.bound], ['user@example.com', dpop]);

      const tokens = [await token(page), await token(page, { forceRefresh: true }), await token(page, { forceRefresh: true })];
      assert.deepEqual(tokens.map(({ type }) => type), Array(3).fill(dpop ? 'DPoP' : 'Bearer'));
      assert.equal(new Set(tokens.map(({ value }) => value)).size, 3);
      assert.equal(used.length, 2);
      assert.equal(used[0] !== used[1], rotates, 'a refresh uses what the one before brought');
      await page.reload();
      await shows(page, 'signed-in');
      assert.equal((await token(page)).value, tokens[2].value);

      assert.deepEqual(await page.evaluate(() => globalThis.app.gatepass.signOut()), { revoked: true });
      await shows(page, 'signed-out');
      assert.equal(await provider.AccessToken.find(tokens[2].value), undefined);
    });
  }
}
