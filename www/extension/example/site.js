// Who this extension is to its issuer. The issuer stands in the manifest's `host_permissions` too.

export const site = {
  issuer: "http://127.0.0.1:9400",
  clientId: "gatepass-extension",
  scope: "openid email profile",
  idTokenAlg: /** @type {const} */ ("ES256"),
  native: { host: "dev.gatepass.gatepass" },
};
