// Calls to the core: the wasm part is loaded once, each call drives one transaction of it to its end.

import { drive, judge } from "./drive.js";
import { GatepassError } from "./errors.js";
import { Instances } from "./instance.js";
import { ACCESS, REFRESH } from "./said.js";
import { transcribe } from "./transcript.js";

/** @typedef {(answer: import("./drive.js").Answer, heard?: import("./drive.js").Heard) => Promise<any>} Core */

/** Of a facade, for what else signs with its session's key. @type {WeakMap<object, Core>} */
export const coreOf = new WeakMap();

/** How many transcripts are kept. */
const KEPT_TRANSCRIPTS = 8;

/** What is wanted, by its number (said.js). @type {import("./gatepass.js").LogEvent["call"][]} */
const CALLS = ["look", "signIn", "callback", "access", "refresh", "signOut", "prove"];

/** @type {Promise<Instances> | undefined} */
let loading;

/** @param {import("./gatepass.js").GatepassOptions["wasm"]} source */
const load = (source) =>
  (loading ??= start(source).catch((/** @type {any} */ cause) => {
    loading = undefined;
    const error = new GatepassError("unsupported_browser", { fault: "machine", retryable: true });
    error.cause = cause;
    throw error;
  }));

/**
 * All of it, then at once: a stream would need a server that knows the type, and saves nothing at this size.
 * @param {import("./gatepass.js").GatepassOptions["wasm"]} source
 */
async function start(source = new URL("./gatepass_web_bg.wasm", import.meta.url)) {
  const found = source instanceof URL ? await fetch(source) : await source;
  const module = found instanceof Response ? await WebAssembly.compile(await found.arrayBuffer()) : found;
  return new Instances(module);
}

/**
 * Loads the core and gives what calls it.
 * @param {import("./gatepass.js").GatepassOptions} options
 * @param {import("./drive.js").Store} store
 * @param {string} id
 * @param {import("./drive.js").Answer} first judged at once: the first step of a sign-in reads the settings and does nothing
 * @returns {Promise<{core: Core, transcripts: string[]}>} the transcripts are of the last calls for a token
 */
export async function openCore({ wasm, logger }, store, id, first) {
  const instances = await load(wasm);
  try {
    judge(instances, first);
  } catch (thrown) {
    throw GatepassError.from(thrown);
  }
  /** @type {string[]} */
  const transcripts = [];
  /** @type {Core} */
  const core = async (answer, heard) => {
    const begun = performance.now();
    const transcript = [ACCESS, REFRESH].includes(answer[0]) ? transcribe(answer) : undefined;
    /** @type {{code?: string}} */
    let result = {};
    try {
      return (result = await drive(instances, store, id, answer, transcript?.heard ?? heard));
    } catch (thrown) {
      throw (result = GatepassError.from(thrown));
    } finally {
      if (transcript) transcripts.push(transcript.end(result));
      if (transcripts.length > KEPT_TRANSCRIPTS) transcripts.shift();
      logger?.({ call: CALLS[answer[0]], milliseconds: performance.now() - begun, code: result.code });
    }
  };
  return { core, transcripts };
}
