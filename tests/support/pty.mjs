// A program of a documented system, at a terminal of 80 columns (util-linux `script` holds the pseudo-terminal).
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { start } from './process.mjs';
import { Terminal } from './terminal.mjs';
import { GATEPASS } from './tree.mjs';

const APPS = fileURLToPath(new URL('../../crates/cli/apps', import.meta.url));

/** What the machine must have for a pseudo-terminal. */
export function scriptMissing() {
  const found = (process.env.PATH ?? '').split(delimiter).some((place) => existsSync(join(place, 'script')));
  return found ? undefined : 'script';
}

/** What a person sees: without colours, and without lines that were taken back. */
export function seen(raw) {
  const lines = raw.replaceAll('\r\n', '\n').split('\n').map((line) => line.slice(line.lastIndexOf('\r') + 1));
  // eslint-disable-next-line no-control-regex
  return lines.map((line) => line.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, '')).join('\n');
}

/** A home folder in which a company's program is installed: our command under its name, and its manifest. */
export class Company extends Terminal {
  /** `name` is that of the manifest in crates/cli/apps; `settings` take the place of lines in it, as `issuer`. */
  constructor(t, name, program, settings = {}) {
    super(t);
    delete this.env.GATEPASS_APP;
    this.program = program;
    const apps = join(this.home, '.config/gatepass/apps');
    mkdirSync(apps, { recursive: true });
    this.installed = join(apps, `${program}.toml`);
    writeFileSync(this.installed, readFileSync(join(APPS, `${name}.toml`), 'utf8'));
    for (const [key, value] of Object.entries(settings)) this.set(key, value);
    const bin = join(this.home, 'bin');
    mkdirSync(bin);
    this.bin = join(bin, program);
    symlinkSync(GATEPASS, this.bin);
    this.env = { ...this.env, PATH: `${bin}${delimiter}${this.env.PATH}`, TERM: 'xterm-256color', LANG: 'C.UTF-8', TZ: 'UTC', SHELL: '/bin/sh' };
  }

  /** Changes a line of the installed manifest. */
  set(key, value) {
    const manifest = readFileSync(this.installed, 'utf8');
    const line = new RegExp(`^${key} = .*$`, 'm');
    if (!line.test(manifest)) throw new Error(`the manifest has no line for ${key}`);
    writeFileSync(this.installed, manifest.replace(line, `${key} = ${JSON.stringify(value)}`));
  }

  /** Types a line at a prompt: the program runs in a terminal, and what it shows can be waited for. */
  at(line, env = {}) {
    const command = `stty cols 80 rows 24; exec ${line}`;
    const program = start(this.t, 'script', ['--quiet', '--flush', '--return', '--command', command, '/dev/null'], { env: { ...this.env, ...env }, keys: true });
    /** Waits for text on the screen. */
    program.shows = (pattern) => program.until(({ stdout }) => {
      const screen = seen(stdout);
      return typeof pattern === 'string' ? screen.includes(pattern) && screen : pattern.exec(screen);
    });
    /** The exit code, and everything that was seen. */
    program.done = async () => {
      const { code } = await program.ended;
      return { code, screen: seen(program.stdout) };
    };
    return program;
  }

  /** The same, to its end. */
  async line(line, env = {}) {
    return this.at(line, env).done();
  }

  /** Starts a login and gives the address that it shows. A browser that is not there stays away. */
  async signIn(line = `${this.program} login`, env = {}) {
    const program = this.at(line, env);
    const [, url] = await program.shows(/^ *(https?:\/\/\S+response_type=code\S*)$/m);
    return { program, url };
  }
}

