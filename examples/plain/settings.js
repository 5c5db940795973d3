export const settings = { issuer: "http://127.0.0.1:9400", clientId: "example", idTokenAlg: "ES256" };
