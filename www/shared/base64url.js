// Base64url without padding (RFC 4648 section 5), and the digest that is mostly written in it.

/** @param {Uint8Array} bytes */
export const toBase64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replace(/[+/=]/g, (letter) => (letter === "+" ? "-" : letter === "/" ? "_" : ""));

/** @param {string} text */
export const fromBase64url = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));

/** SHA-256 of a text. @param {string} text */
export const digestOf = async (text) =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
