// A real terminal window: tmux draws what a program writes, and types what a person would.
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { cleanUp, folder } from './process.mjs';

const run = promisify(execFile);

/** What the machine must have. */
export const tmuxMissing = (process.env.PATH ?? '').split(':').some((place) => existsSync(join(place, 'tmux'))) ? undefined : 'tmux';

/** A window of its own, on a server of its own. */
export class Screen {
  /** Opens a window in which a person types `command`; keeps how the terminal was set before and after. */
  static open(t, terminal, command, { columns = 80, rows = 24, env = {} } = {}) {
    const screen = new Screen();
    const place = folder(t, 'screen');
    screen.place = (name) => join(place, name);
    screen.socket = screen.place('tmux');
    const script = screen.place('script');
    writeFileSync(script, [
      `stty -g >'${screen.place('before')}'`,
      `sh -c 'echo $$ >"${screen.place('pid')}"; exec "$@"' sh ${command.map((word) => `'${word}'`).join(' ')}`,
      'code=$?',
      `stty -g >'${screen.place('after')}'`,
      `echo $code >'${screen.place('code')}'`,
      'echo back in the shell',
      'exec sleep 600',
    ].join('\n'));
    const variables = { ...terminal.env, LC_ALL: 'C.UTF-8', TERM: 'xterm-256color', ...env };
    // Nothing of a person's own configuration, and a bell to no one.
    const begin = ['-S', screen.socket, '-f', '/dev/null', '-u', 'new-session', '-d', '-x', String(columns), '-y', String(rows), `exec sh '${script}'`];
    execFileSync('tmux', begin, { env: variables });
    cleanUp(t, () => screen.tmux('kill-server').catch(() => {}));
    execFileSync('tmux', ['-S', screen.socket, 'pipe-pane', `exec cat >'${screen.place('raw')}'`]);
    return screen;
  }

  /** Opens a window in which the command runs. */
  static gatepass(t, terminal, args, options) {
    return Screen.open(t, terminal, [resolve(terminal.bin), ...args], options);
  }

  async tmux(...args) {
    return (await run('tmux', ['-S', this.socket, ...args])).stdout;
  }

  /** What stands in the window, rows that were wrapped put together, without the blanks at their ends. */
  async picture() {
    return (await this.tmux('capture-pane', '-p', '-J')).replaceAll(/ +$/gm, '');
  }

  /** Waits until the window shows something. */
  async shows(pattern, limit = 20_000) {
    const end = performance.now() + limit;
    for (;;) {
      const picture = await this.picture();
      const found = pattern.exec(picture);
      if (found) return found;
      if (performance.now() > end) throw new Error(`${pattern} never stood on the screen:\n${picture}`);
      await pause(20);
    }
  }

  /** Presses keys by tmux's names for them. */
  press(...keys) {
    return this.tmux('send-keys', ...keys);
  }

  /** Types text, letter by letter. */
  type(text) {
    return this.tmux('send-keys', '-l', text);
  }

  /** Pastes text as a terminal does whose program asked for brackets. */
  async paste(text) {
    await this.tmux('set-buffer', text);
    await this.tmux('paste-buffer', '-p', '-d');
  }

  resize(columns, rows) {
    return this.tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** Sends a signal to the program. */
  signal(name) {
    process.kill(Number(readFileSync(this.place('pid'), 'utf8')), name);
  }

  /** Whether the program still runs. */
  runs() {
    try {
      this.signal(0);
      return true;
    } catch {
      return false;
    }
  }

  /** Waits for the program's end; gives its exit code and whether the terminal is as it was. */
  async end() {
    await this.shows(/back in the shell/);
    const read = (name) => readFileSync(this.place(name), 'utf8').trim();
    const [alternate, cursor] = (await this.tmux('display-message', '-p', '#{alternate_on} #{cursor_flag}')).trim().split(' ');
    const raw = this.raw();
    return {
      code: Number(read('code')),
      restored: read('before') === read('after') && alternate === '0' && cursor === '1' && raw.lastIndexOf('\x1b[?2004h') < raw.lastIndexOf('\x1b[?2004l'),
    };
  }

  /** Every byte that was written to the terminal. */
  raw() {
    return readFileSync(this.place('raw'), 'latin1');
  }
}
