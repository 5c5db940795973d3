export const api = "http://127.0.0.1:5174";
export const settings = { issuer: "http://127.0.0.1:9400", clientId: "example", idTokenAlg: "ES256", apiOrigins: [api] };
