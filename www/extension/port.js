// What worker and pages say to each other over a `runtime.Port`.
//
// | from | message |
// |---|---|
// | page | `{id, call, args}` |
// | worker | `{id, result}` or `{id, error: {code, detail, retryable, fault, cause}}` |
// | worker | `{event, detail}` |
//
// Ports carry JSON, so bodies go as base64 and tokens as plain fields.

import { GatepassError } from "../shared/errors.js";

/** The name of the port. */
export const PORT_NAME = "gatepass";
/** What every worker answers at once. */
export const HERE = "here";
/** Where a worker says that something happened, for pages that have no port open: they look by themselves. */
export const NEWS = "gatepass-extension";

/** @typedef {{code?: string, detail?: string, retryable?: boolean, fault?: string, cause?: string}} Packed */

/** @param {any} thrown @returns {Packed} */
export function pack(thrown) {
  const { code, detail, retryable, fault, cause } = GatepassError.from(thrown);
  // The browser's own words; an error that was caught may hold anything.
  return { code, detail, retryable, fault, ...(typeof cause === "string" && { cause }) };
}

/** @param {Packed} packed */
export function unpack({ code = "bug", cause, ...about }) {
  const error = new GatepassError(code, about);
  if (cause !== undefined) error.cause = cause;
  return error;
}

const redactedText = () => /** @type {const} */ ("[redacted]");

/**
 * A token that shows itself to nobody who prints it.
 * @param {{value: string, type: "Bearer" | "DPoP", expiresAt: number}} token
 * @returns {import("../shared/gatepass.js").AccessToken}
 */
export const shownToken = ({ value, type, expiresAt }) =>
  Object.freeze({ value, type, expiresAt, toString: redactedText, toJSON: redactedText });

/** @param {ArrayBuffer} bytes */
export function toBase64(bytes) {
  let text = "";
  for (const byte of new Uint8Array(bytes)) text += String.fromCharCode(byte);
  return btoa(text);
}

/** @param {string} text */
export const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/**
 * A request as text, whole: a stream would be consumed here and could not be sent twice there.
 * @param {RequestInfo | URL} input
 * @param {RequestInit} [init]
 */
export async function packRequest(input, init) {
  const request = new Request(input, init);
  const body = request.body === null && !["POST", "PUT", "PATCH"].includes(request.method) ? null : await request.arrayBuffer();
  return { url: request.url, method: request.method, headers: [...request.headers], body: body?.byteLength ? toBase64(body) : null };
}

/** @param {Awaited<ReturnType<typeof packRequest>>} packed */
export const unpackRequest = ({ url, method, headers, body }) =>
  /** @type {const} */ ([url, { method, headers, ...(body !== null && { body: fromBase64(body) }) }]);

/** @param {Response} response */
export async function packResponse(response) {
  const { url, status, statusText, headers } = response;
  const body = await response.arrayBuffer();
  return { url, status, statusText, headers: [...headers], body: body.byteLength ? toBase64(body) : null };
}

/** @param {Awaited<ReturnType<typeof packResponse>>} packed */
export function unpackResponse({ url, status, statusText, headers, body }) {
  const response = new Response(body === null ? null : fromBase64(body), { status, statusText, headers });
  // As `fetch` would tell it; a made response has no address.
  Object.defineProperty(response, "url", { value: url });
  return response;
}
