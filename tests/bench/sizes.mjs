// What a page has to load of each library, bundled and minified in one run: all of it, and what a sign-in page imports.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { bundle } from '../support/bundle.mjs';
import { PACKAGE } from '../support/site.mjs';

const ENTRY = JSON.stringify(join(PACKAGE, 'gatepass.js'));
const PEERS = [
  ['oidc-client-ts', 'UserManager, WebStorageStateStore'],
  ['@auth0/auth0-spa-js', 'createAuth0Client'],
  ['@azure/msal-browser', 'PublicClientApplication'],
  ['@supabase/auth-js', 'AuthClient'],
  ['openid-client', 'discovery, randomPKCECodeVerifier, calculatePKCECodeChallenge, randomState, buildAuthorizationUrl, authorizationCodeGrant, refreshTokenGrant, tokenRevocation'],
];

/** Files as they are and as servers send them, each compressed by itself. */
const weigh = (files) => files.reduce((sum, bytes) => ({
  raw: sum.raw + bytes.length,
  gzip: sum.gzip + gzipSync(bytes, { level: 9 }).length,
  brotli: sum.brotli + brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 22 } }).length,
}), { raw: 0, gzip: 0, brotli: 0 });

/** The version of a package as it is installed here. */
export const version = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'))).version;

/** Ours first; ours has a second file, the wasm. */
export async function sizes() {
  const modules = new URL('../node_modules/', import.meta.url).pathname;
  const wasm = readFileSync(join(PACKAGE, 'gatepass_web_bg.wasm'));
  const ours = {
    name: '@gatepass/web',
    version: version(PACKAGE),
    whole: weigh([await bundle(`export * from ${ENTRY}`), wasm]),
    typical: weigh([await bundle(`export { createGatepass } from ${ENTRY}`), wasm]),
  };
  const theirs = await Promise.all(PEERS.map(async ([name, typical]) => ({
    name,
    version: version(join(modules, name)),
    whole: weigh([await bundle(`export * from '${name}'`)]),
    typical: weigh([await bundle(`export { ${typical} } from '${name}'`)]),
  })));
  return [ours, ...theirs];
}
