// What a call for a token asked for and how it was answered, in the lines of crates/core/src/session/transcript.rs: kinds,
// status codes, ages, and states and nonces by the order in which they were seen. `core/testing/replay.rs` plays them.

import { now } from "./clock.js";
import { FAILED, LOADED, REFRESH, SENT } from "./said.js";

/** What became of an effect, in the order of said.js. */
const KINDS = ["loaded", "locked", "lock_timed_out", "signed", "sent", "lost", "saved", "erased", "moved", "unlocked"];

/**
 * Begins a transcript; `heard` goes to `drive`.
 * @param {import("./drive.js").Answer} wanted by `ACCESS` or `REFRESH`
 */
export function transcribe([wish, form, , minTtl = NaN]) {
  const begun = now();
  let at = 0;
  const purpose = new URLSearchParams(form);
  const audience = purpose.get("audience") ?? purpose.get("resource");
  const scope = purpose.get("scope");
  /** @type {number[]} */
  const states = [];
  /** @type {string[]} */
  const nonces = [];
  /** @type {string[]} */
  const lines = ["gatepass transcript 1"];

  /** @type {(...words: (string | false | null | undefined)[]) => string} */
  const joined = (...words) => words.filter(Boolean).join(" ");
  /** @type {(line: string) => void} */
  const write = (line) => void lines.push(`${at}s ${line}`);
  /** @type {(moment: number) => string} */
  const ago = (moment) => `${moment - begun - at}s`;
  /** @type {(generation: number) => string} */
  const state = (generation) => {
    let index = states.findIndex((first) => generation >= first && generation < first + 1000);
    if (index < 0) index = states.push(generation) - 1;
    const steps = generation - states[index];
    return `g${index}${steps ? `+${steps}` : ""}`;
  };
  /** @type {(nonce: string | undefined) => string | undefined} */
  const named = (nonce) => {
    if (!nonce) return undefined;
    const index = nonces.indexOf(nonce);
    return `nonce=n${index < 0 ? nonces.push(nonce) - 1 : index}`;
  };

  /** @type {(text: string | undefined) => string} */
  const loaded = (text) => {
    if (!text) return "loaded nothing";
    const [record, rest] = text.split("\n").map((part) => JSON.parse(part));
    const token = record.access_tokens?.find((/** @type {any} */ one) => (one.audience ?? one.resource) == audience && one.asked_scope == scope);
    return joined(
      `loaded ${state(record.generation)}`,
      record.refreshes && "refreshes",
      scope?.split(" ").every((one) => record.scope.split(" ").includes(one)) && "covers",
      token && `token=${token.token_type} received=${ago(token.received_at)} expires=${ago(token.expires_at)}`,
      rest && joined("whole", rest.refresh_token && "refresh_token", rest.key && "key", rest.forgives_replay && "forgives", named(rest.nonce)),
      rest?.mark && `mark=${ago(rest.mark)}`,
    );
  };

  /** @type {(nonce: string | undefined, body: Uint8Array | undefined, status: number | undefined) => string} */
  const sent = (nonce, body, status = 0) => {
    /** @type {any} */
    let answer = {};
    try {
      answer = JSON.parse(new TextDecoder().decode(body)) ?? {};
    } catch {
      // What cannot be read is `malformed`.
    }
    const { error = "malformed", access_token, token_type = "", expires_in = 300 } = answer;
    const type = { dpop: "DPoP", bearer: "Bearer" }[String(token_type).toLowerCase()];
    return joined(
      `sent ${status}`,
      named(nonce),
      access_token && type
        ? joined(`token=${type} lives=${+expires_in}s`, answer.refresh_token && "refresh_token", answer.scope && "scope", answer.id_token && "id_token=same")
        : status >= 500 || [408, 425, 429].includes(status)
          ? "unreachable"
          : /^[a-z_]+$/.test(error) ? error : "malformed",
    );
  };

  write(joined(`access min_ttl=${minTtl >= 0 ? minTtl : 30}s`, wish === REFRESH && "force", audience && "audience", scope && "scopes"));
  return {
    /** @type {import("./drive.js").Heard} */
    heard(effect, [kind, text, bytes, number]) {
      const { do: what, expect } = effect;
      const over = expect === undefined ? "nothing" : state(expect);
      if (what === "load") write(`> load ${effect.whole ? "whole" : "access"}`);
      else if (what === "send") write(joined("> send token_endpoint", effect.headers.dpop && "proof"));
      else if (what === "save") write(joined(`> save ${state(effect.generation)} over ${over}`, JSON.parse(effect.rest).mark && "mark"));
      else if (what === "erase") write(`> erase ${over}`);
      else write(`> ${what}`);
      at = now() - begun;
      write(`< ${kind === LOADED ? loaded(text) : kind === SENT ? sent(text, bytes, number) : kind === FAILED ? `failed ${text}` : KINDS[kind - LOADED]}`);
    },
    /**
     * @param {{code?: string, type?: string, expiresAt?: number, refreshed?: boolean}} result of `drive`, or its error
     */
    end({ code, type, expiresAt = 0, refreshed }) {
      write(`= ${code ? `error ${code}` : joined(`token=${type} expires=${ago(expiresAt / 1000)}`, refreshed && "refreshed", "saved")}`);
      return lines.join("\n");
    },
  };
}
