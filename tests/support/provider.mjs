// npm oidc-provider: an authorization server written by others, and certified.
import { createServer } from 'node:http';
import { cleanUp, freePort } from './process.mjs';

/** Starts it; its development pages take any name. */
export async function startProvider(t, { dpop = true, rotates = true } = {}) {
  const { Provider } = await import('oidc-provider');
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, {
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
    pkce: { required: () => true },
    ttl: { AccessToken: 3600, RefreshToken: 86_400, Interaction: 600, Session: 3600, Grant: 86_400, IdToken: 600, DeviceCode: 600 },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  });
  const server = createServer(provider.callback());
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  cleanUp(t, () => new Promise((resolve) => {
    server.closeAllConnections();
    server.close(resolve);
  }));
  return { issuer, provider };
}
