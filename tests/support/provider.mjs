// npm oidc-provider: an authorization server written by others, and certified.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { cleanUp, freePort } from './process.mjs';

/** Starts it; its development pages take any name. */
export function startProvider(t, { dpop = true, rotates = true } = {}) {
  return serve(t, {
    clients: [{
      client_id: 'cli',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['http://127.0.0.1/callback'],
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      response_types: ['code'],
    }],
    features: { devInteractions: { enabled: true }, revocation: { enabled: true }, deviceFlow: { enabled: true }, dPoP: { enabled: dpop } },
    rotateRefreshToken: rotates,
    ttl: { AccessToken: 3600, RefreshToken: 86_400, Interaction: 600, Session: 3600, Grant: 86_400, IdToken: 600, DeviceCode: 600 },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  });
}

/** Starts it for a page of somebody's own, which may call it from its origin. */
export function startPageProvider(t, { redirectUri, dpop = true, rotates = true }) {
  return serve(t, {
    clients: [{
      client_id: 'page',
      token_endpoint_auth_method: 'none',
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    }],
    clientBasedCORS: (_context, origin) => origin === new URL(redirectUri).origin,
    claims: { openid: ['sub'], email: ['email'] },
    features: { devInteractions: { enabled: true }, revocation: { enabled: true }, dPoP: { enabled: dpop } },
    rotateRefreshToken: rotates,
    ttl: { AccessToken: 3600, RefreshToken: 86_400, Interaction: 600, Session: 3600, Grant: 86_400, IdToken: 600 },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, email: id }) }),
  });
}

/** Starts it for our dashboard on another origin: no keys for sessions, and refresh tokens that rotate. */
export async function startDashboardProvider(t, redirectUri) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return serve(t, {
    clients: [{
      client_id: 'gatepass-dashboard',
      token_endpoint_auth_method: 'none',
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      id_token_signed_response_alg: 'ES256',
    }],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' }] },
    clientBasedCORS: (_context, origin) => origin === new URL(redirectUri).origin,
    claims: { openid: ['sub'], email: ['email'], profile: ['name'] },
    // As our authority for a dashboard of the house: without `offline_access`.
    issueRefreshToken: () => true,
    features: { devInteractions: { enabled: true }, revocation: { enabled: true }, dPoP: { enabled: false } },
    rotateRefreshToken: true,
    ttl: { AccessToken: 3600, RefreshToken: 86_400, Interaction: 600, Session: 3600, Grant: 86_400, IdToken: 600 },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, email: id }) }),
  });
}

/** Starts it as an organization's own sign-in, for one client; `people` gives a name its claims. */
export function startUpstream(t, { port, clientSecret, redirectUri, people }) {
  return serve(t, {
    clients: [{ client_id: 'gatepass', client_secret: clientSecret, redirect_uris: [redirectUri], response_types: ['code'] }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    features: { devInteractions: { enabled: true } },
    ttl: { AccessToken: 600, Interaction: 600, Session: 3600, Grant: 3600, IdToken: 600 },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
  }, port);
}

async function serve(t, configuration, givenPort) {
  const { Provider } = await import('oidc-provider');
  const port = givenPort ?? await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, { pkce: { required: () => true }, ...configuration });
  const server = createServer(provider.callback());
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  cleanUp(t, () => new Promise((resolve) => {
    server.closeAllConnections();
    server.close(resolve);
  }));
  return { issuer, provider };
}
