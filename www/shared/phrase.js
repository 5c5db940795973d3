// What a person compares: three words that stand for a handoff, shown here and in the terminal.

import { digestOf } from "./base64url.js";

const CONSONANTS = "bdfghjklmnprstvz";
const VOWELS = "aiou";

/** All that the words stand for. @param {Record<string, string | undefined>} form */
export const meant = ({ iss, client_id, redirect_uri = "", state, code_challenge, dpop_jkt = "", hpke = "" }) =>
  ["gatepass-handoff-v1", iss, client_id, redirect_uri, state, code_challenge, dpop_jkt, hpke].join("\n");

/** The words of a text. @param {string} text */
export const phraseOf = async (text) => proquints((await digestOf(text)).subarray(0, 6));

/** Each 16 bits as a word that can be said (https://arxiv.org/html/0901.4016). @param {Uint8Array} bytes */
export function proquints(bytes) {
  const words = [];
  for (let at = 0; at < bytes.length; at += 2) {
    const bits = (bytes[at] << 8) | bytes[at + 1];
    const consonant = (/** @type {number} */ shift) => CONSONANTS[(bits >> shift) & 15];
    const vowel = (/** @type {number} */ shift) => VOWELS[(bits >> shift) & 3];
    words.push(consonant(12) + vowel(10) + consonant(6) + vowel(4) + consonant(0));
  }
  return words.join("-");
}
