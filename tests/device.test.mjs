// Our authority's ways in for programs without a browser of their own, with a client written by others.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as client from 'openid-client';
import { signIn, startAuthority } from './support/authority.mjs';
import { Visitor, navigate } from './support/visitor.mjs';

const REDIRECT = 'https://app.example/callback';
const CONFIG = `
[[client]]
id = "television"
name = "A television"
type = "native"
redirect_uris = []
grant_types = ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]
always_refresh = true
audiences = ["https://films.example", "https://series.example"]
id_token_alg = "ES256"

[[client]]
id = "site"
name = "A site"
type = "web"
redirect_uris = ["${REDIRECT}"]
secret = "a secret of this site"
`;

async function discover(authority, id, secret) {
  const options = { execute: [client.allowInsecureRequests] };
  const metadata = { id_token_signed_response_alg: id === 'television' ? 'ES256' : 'RS256' };
  if (secret) metadata.client_secret = secret;
  const authentication = secret ? client.ClientSecretBasic(secret) : client.None();
  return client.discovery(new URL(authority.issuer), id, metadata, authentication, options);
}

/** Walks a person from the device's address through the sign-in to the question about the device, and gives its page. */
async function question(authority, visitor, address, email = 'user@example.com') {
  await visitor.open(address);
  await visitor.submit({ email });
  const { link } = await authority.letter(email);
  await visitor.open(link);
  const field = await visitor.submit({});
  assert.match(field.html, /id="activate"/, 'a code in an address is written into the field, and waits there');
  return visitor.submit({});
}

test('openid-client signs a device in, refreshes for another audience and revokes', async (t) => {
  const authority = await startAuthority(t, { config: CONFIG });
  const config = await discover(authority, 'television');
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
  const codes = await client.initiateDeviceAuthorization(config, { scope: 'openid email' });
  assert.match(codes.user_code, /^[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}$/);
  assert.deepEqual([codes.expires_in, codes.interval], [600, 5]);
  const polling = client.pollDeviceAuthorizationGrant(config, codes, undefined, { DPoP });

  const visitor = new Visitor();
  const asked = await question(authority, visitor, codes.verification_uri_complete);
  for (const shown of ['A television', codes.user_code, '127.0.0.1', 'just now', 'see your e-mail address']) {
    assert.ok(asked.html.includes(shown), `${shown} in ${asked.html}`);
  }
  const done = await visitor.submit({}, { button: 'allow' });
  assert.match(done.html, /Go back to your device/);

  const tokens = await polling;
  assert.equal(tokens.token_type, 'dpop');
  assert.equal(tokens.claims().email, 'user@example.com');
  const audience = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).aud;
  assert.equal(audience(tokens.access_token), 'https://films.example');
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token, { resource: 'https://series.example' }, { DPoP });
  assert.equal(audience(refreshed.access_token), 'https://series.example');
  await client.tokenRevocation(config, refreshed.refresh_token);
  await assert.rejects(client.refreshTokenGrant(config, refreshed.refresh_token, undefined, { DPoP }), { error: 'invalid_grant' });
});

test('openid-client hears a no', async (t) => {
  const authority = await startAuthority(t, { config: CONFIG });
  const config = await discover(authority, 'television');
  const codes = await client.initiateDeviceAuthorization(config, { scope: 'openid' });
  const visitor = new Visitor();
  await question(authority, visitor, codes.verification_uri_complete);
  const done = await visitor.submit({}, { button: 'deny' });
  assert.match(done.html, /id="refused"/);
  await assert.rejects(client.pollDeviceAuthorizationGrant(config, codes), { error: 'access_denied' });
});

test('openid-client hands its request in first, once', async (t) => {
  const authority = await startAuthority(t, { config: CONFIG });
  const config = await discover(authority, 'site', 'a secret of this site');
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const url = await client.buildAuthorizationUrlWithPAR(config, {
    redirect_uri: REDIRECT,
    scope: 'openid email',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
  });
  assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request_uri']);
  const end = await signIn(authority, new Visitor(), url.href, { stop: (address) => address.startsWith(REDIRECT) });
  const checks = { pkceCodeVerifier: verifier, expectedState: state };
  const tokens = await client.authorizationCodeGrant(config, new URL(end.url), checks);
  assert.equal(tokens.claims().email, 'user@example.com');
  assert.equal((await navigate(url.href)).status, 410);
});
