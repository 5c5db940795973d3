// Our authority against a client written by others.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as client from 'openid-client';
import { signIn, startAuthority } from './support/authority.mjs';
import { Visitor } from './support/visitor.mjs';

const REDIRECT = 'https://app.example/callback';
const CONFIG = `
[[client]]
id = "public"
name = "A public client"
type = "web"
redirect_uris = ["${REDIRECT}"]

[[client]]
id = "confidential"
name = "A client with a secret"
type = "web"
redirect_uris = ["${REDIRECT}"]
secret = "a secret with odd characters: +%&=/"
`;

const isRedirect = (url) => url.startsWith(REDIRECT);

async function walk(t, { id = 'public', secret, authentication = client.None(), dpop = false } = {}) {
  const authority = await startAuthority(t, { config: CONFIG });
  const options = { execute: [client.allowInsecureRequests] };
  const config = await client.discovery(new URL(authority.issuer), id, secret, authentication, options);
  const DPoP = dpop ? client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256')) : undefined;
  const verifier = client.randomPKCECodeVerifier();
  const [state, nonce] = [client.randomState(), client.randomNonce()];
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT,
    scope: 'openid email offline_access',
    prompt: 'consent',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  });
  const end = await signIn(authority, new Visitor(), url.href, { stop: isRedirect });
  const callback = new URL(end.url);
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
  const exchange = (changed = {}) => client.authorizationCodeGrant(config, callback, { ...checks, ...changed }, undefined, DPoP && { DPoP });
  return { authority, config, DPoP, callback, exchange };
}

/** Waits for an error response of the server and gives its code and words. */
async function refused(promise) {
  const error = await promise.then(() => assert.fail('it was not refused'), (reason) => reason);
  assert.equal(error.code, 'OAUTH_RESPONSE_BODY_ERROR', String(error));
  return [error.error, error.error_description];
}

for (const [name, how] of [
  ['a public client', {}],
  ['a client with a secret, by Basic', { id: 'confidential', secret: 'a secret with odd characters: +%&=/', authentication: client.ClientSecretBasic() }],
  ['a client with a secret, in the body', { id: 'confidential', secret: 'a secret with odd characters: +%&=/', authentication: client.ClientSecretPost() }],
  ['a client with a key (DPoP)', { dpop: true }],
]) {
  test(`openid-client signs in, refreshes and revokes as ${name}`, async (t) => {
    const { config, DPoP, exchange } = await walk(t, how);
    const options = DPoP && { DPoP };
    const tokens = await exchange();
    const claims = tokens.claims();
    assert.equal(claims.email, 'user@example.com');
    assert.equal(tokens.token_type, DPoP ? 'dpop' : 'bearer');
    const person = await client.fetchUserInfo(config, tokens.access_token, claims.sub, options);
    assert.equal(person.email, 'user@example.com');

    const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, options);
    assert.notEqual(refreshed.access_token, tokens.access_token);
    assert.notEqual(refreshed.refresh_token, tokens.refresh_token);

    await client.tokenRevocation(config, refreshed.refresh_token);
    const [code] = await refused(client.refreshTokenGrant(config, refreshed.refresh_token, undefined, options));
    assert.equal(code, 'invalid_grant');
    await assert.rejects(client.fetchUserInfo(config, refreshed.access_token, claims.sub, options), 'its access tokens are over too');
  });
}

test('a code has one use, one verifier and a minute of life, each with its own words', async (t) => {
  const wrong = await walk(t);
  const [code, words] = await refused(wrong.exchange({ pkceCodeVerifier: client.randomPKCECodeVerifier() }));
  assert.equal(code, 'invalid_grant');

  const reused = await walk(t);
  const tokens = await reused.exchange();
  const again = await refused(reused.exchange());
  assert.equal(again[0], 'invalid_grant');
  const revoked = await refused(client.refreshTokenGrant(reused.config, tokens.refresh_token));
  assert.equal(revoked[0], 'invalid_grant', 'a code used twice ends the grant of its first use (RFC 6749 section 4.1.2)');

  const expired = await walk(t);
  expired.authority.later(601);
  const late = await refused(expired.exchange());
  assert.equal(late[0], 'invalid_grant');
  assert.equal(new Set([words, again[1], late[1]]).size, 3, `each has its own words: ${[words, again[1], late[1]]}`);
});

test('a key that is not the session\'s is refused, and the session goes on', async (t) => {
  const { config, DPoP, exchange } = await walk(t, { dpop: true });
  const tokens = await exchange();
  const stranger = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
  const [code, words] = await refused(client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP: stranger }));
  assert.match(code, /^invalid_(grant|dpop_proof)$/);
  assert.match(words, /key/);
  const [unbound] = await refused(client.refreshTokenGrant(config, tokens.refresh_token));
  assert.match(unbound, /^invalid_(grant|dpop_proof)$/);
  assert.ok((await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP })).access_token);
});

test('a refresh token that was replaced long ago ends its family and no other', async (t) => {
  const { config, exchange, authority } = await walk(t);
  const first = await exchange();
  const second = await client.refreshTokenGrant(config, first.refresh_token);
  const replayed = await client.refreshTokenGrant(config, first.refresh_token);
  assert.equal(replayed.refresh_token, second.refresh_token, 'within ten seconds a lost answer is given again');
  authority.later(11);
  const [code] = await refused(client.refreshTokenGrant(config, first.refresh_token));
  assert.equal(code, 'invalid_grant');
  const [after] = await refused(client.refreshTokenGrant(config, second.refresh_token));
  assert.equal(after, 'invalid_grant', 'somebody else has it: the family is over');
});
