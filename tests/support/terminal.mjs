// A person's terminal: a home of its own, a real keyring on a bus of its own, and the command.
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startKeyring } from './keyring.mjs';
import { Program, folder, start } from './process.mjs';
import { GATEPASS } from './tree.mjs';


/** What the machine must have for a real keyring. */
export function keyringMissing() {
  const found = (name) => (process.env.PATH ?? '').split(':').some((place) => existsSync(join(place, name)));
  return ['dbus-run-session', 'gnome-keyring-daemon'].find((name) => !found(name));
}

/** A home folder with nothing of this process's own session in it. */
export class Terminal {
  constructor(t, manifest = {}) {
    this.t = t;
    /** What is run. */
    this.bin = GATEPASS;
    this.home = folder(t, 'home');
    this.clockFile = join(this.home, 'clock');
    this.manifest = join(this.home, 'app.toml');
    this.env = { PATH: process.env.PATH, HOME: this.home, XDG_DATA_HOME: join(this.home, '.local/share'), GATEPASS_TEST_CLOCK_FILE: this.clockFile, GATEPASS_APP: this.manifest };
    const { storage, ...rest } = { name: 'gatepass', client_id: 'gatepass-cli', id_token_signed_response_alg: 'ES256', ...manifest };
    const lines = Object.entries(rest).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
    const kept = typeof storage === 'string' ? { fallback: storage } : storage;
    if (kept) lines.push('[storage]', ...Object.entries(kept).map(([key, value]) => `${key} = ${JSON.stringify(value)}`));
    writeFileSync(this.manifest, `${lines.join('\n')}\n`);
  }

  /** Starts gnome-keyring on a bus of its own, unlocked. */
  async withKeyring() {
    await startKeyring(this);
    return this;
  }

  /** Lets time pass for this terminal. */
  later(seconds) {
    writeFileSync(this.clockFile, String(seconds));
  }

  /** Starts the command. */
  begin(args, env = {}) {
    return start(this.t, this.bin, args, { env: { ...this.env, ...env } });
  }

  /** Runs the command to its end. */
  async run(...args) {
    const program = new Program(this.bin, args, { env: this.env });
    const { code } = await program.ended;
    return { code, stdout: program.stdout, stderr: program.stderr };
  }

  /** Runs the command with `--json`; gives the object with its exit code. */
  async json(...args) {
    const { code, stdout, stderr } = await this.run('--json', ...args);
    try {
      return { code, ...JSON.parse(stdout) };
    } catch {
      throw new Error(`no object from ${args.join(' ')} (exit ${code}):\n${stdout}${stderr}`);
    }
  }

  /** Starts a login and gives the address that it shows. */
  async login(...args) {
    const program = this.begin(['login', '--no-browser', ...args]);
    const url = await program.until(({ stderr }) => /^ {2}(https?:\S+)$/m.exec(stderr)?.[1]);
    return { program, url };
  }
}

/** Every file below a folder in which one of the texts stands, as it is or in base64. */
export function searchFiles(root, texts) {
  const found = [];
  const needles = texts.map((text) => Buffer.from(text));
  const walk = (path) => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const inner = join(path, entry.name);
      if (entry.isDirectory()) walk(inner);
      else if (entry.isFile() && statSync(inner).size < 200_000_000) {
        const bytes = readFileSync(inner);
        if (needles.some((needle) => bytes.includes(needle))) found.push(inner);
      }
    }
  };
  walk(root);
  return found;
}
