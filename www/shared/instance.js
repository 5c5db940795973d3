// The core's instances. Each transaction has one to itself, so that nothing of another's lies in its memory; and when it
// ends, the memory is made what it was at first. That wipes all of it at once, and it is how the core frees memory at
// all: inside, nothing is freed, which is a tenth of its bytes.

/** How many wait for the next transaction. */
const SPARE = 2;

const NOTHING = new Uint8Array();

/** Those of one module. */
export class Instances {
  #module;
  #spare;

  /** @param {WebAssembly.Module} module */
  constructor(module) {
    this.#module = module;
    this.#spare = [new Instance(module)];
  }

  take() {
    return this.#spare.pop() ?? new Instance(this.#module);
  }

  /**
   * Takes one back whose transaction is over.
   * @param {Instance} instance
   */
  give(instance) {
    if (instance.wipe() && this.#spare.length < SPARE) this.#spare.push(instance);
  }
}

class Instance {
  /** @type {any} */
  #exports;
  /** All of its memory, which does not grow. */
  #bytes;
  /** The memory up to where nothing has been yet. */
  #first;
  /** Whether a step was begun and not ended: it trapped, and the stack lies where it lay. */
  #trapped = false;

  /** @param {WebAssembly.Module} module */
  constructor(module) {
    /** @type {WebAssembly.Imports} */
    const imports = {};
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      // The dice are the one import that is meant to be called. The others are what wasm-bindgen has for its own panics.
      (imports[from] ??= {})[name] = (/** @type {number} */ at, /** @type {number} */ length) => {
        if (!name.includes("getRandomValues")) throw new Error(name);
        crypto.getRandomValues(this.#bytes.subarray(at, at + length));
      };
    }
    this.#exports = new WebAssembly.Instance(module, imports).exports;
    this.#bytes = new Uint8Array(this.#exports.memory.buffer);
    this.#first = this.#bytes.slice(0, this.#put(NOTHING)[0]);
  }

  /**
   * Takes a step of the transaction: what is said against a JSON text (crates/web/src/transaction.rs).
   * @param {number} now
   * @param {number} said
   * @param {string} [text]
   * @param {Uint8Array} [bytes]
   * @param {number} [number]
   */
  step(now, said, text, bytes = NOTHING, number = NaN) {
    this.#trapped = true;
    const put = [...this.#put(new TextEncoder().encode(text)), ...this.#put(bytes)];
    const place = this.#exports.step(now, said, ...put, number);
    this.#trapped = false;
    const at = place % 2 ** 32;
    return new TextDecoder().decode(this.#bytes.subarray(at, at + place / 2 ** 32));
  }

  /** Makes the memory what it was at first, and says whether that is all that was to be done. */
  wipe() {
    this.#bytes.fill(0, this.#first.length, this.#trapped ? undefined : this.#put(NOTHING)[0]).set(this.#first);
    return !this.#trapped;
  }

  /** @param {Uint8Array} bytes */
  #put(bytes) {
    const at = this.#exports.__wbindgen_malloc(bytes.length || 1, 1);
    this.#bytes.set(bytes, at);
    return [at, bytes.length];
  }
}
