// Keyrings of every temper, each on a bus of its own: the real one, unlocked and locked, none at all, and two that hang.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { cleanUp, start } from './process.mjs';

/** The system's own Python: the packages for D-Bus are made for that one. */
const PYTHON = '/usr/bin/python3';

/** What is missing for a prompt that nobody answers. */
export function prompterMissing() {
  if (!existsSync(PYTHON)) return PYTHON;
  return spawnSync(PYTHON, ['-c', 'import dbus.service, dbus.mainloop.glib; from gi.repository import GLib']).status === 0 ? undefined : 'python3-dbus or python3-gi';
}

/** Starts a bus and puts the terminal on it; `before` is run on the bus first. Gives the program, to end it. */
async function startBus(terminal, { before = '', options = [] } = {}) {
  const runtime = join(terminal.home, 'run');
  mkdirSync(runtime, { mode: 0o700, recursive: true });
  mkdirSync(terminal.env.XDG_DATA_HOME, { recursive: true });
  const { DBUS_SESSION_BUS_ADDRESS: _old, ...rest } = terminal.env;
  const env = { ...rest, XDG_RUNTIME_DIR: runtime };
  const script = `${before} echo "bus $DBUS_SESSION_BUS_ADDRESS"; sleep infinity`;
  const bus = start(terminal.t, 'dbus-run-session', [...options, '--', 'sh', '-c', script], { env });
  const address = await bus.until(({ stdout }) => /^bus (\S+)$/m.exec(stdout)?.[1]);
  terminal.env = { ...env, DBUS_SESSION_BUS_ADDRESS: address };
  return bus;
}

/** gnome-keyring, unlocked. */
export function startKeyring(terminal) {
  const before = 'printf testpass | gnome-keyring-daemon --unlock --components=secrets --daemonize >/dev/null;';
  return startBus(terminal, { before });
}

/** The same keyring after the person has logged out: locked, and nobody can be asked as there is no display. */
export async function lockKeyring(terminal, unlocked, { before } = {}) {
  unlocked.kill();
  await unlocked.ended;
  rmSync(join(terminal.home, 'run'), { recursive: true, force: true });
  return startBus(terminal, { before });
}

/** A prompt that opens and that nobody answers. */
export function startPrompter(terminal, unlocked) {
  const script = join(terminal.home, 'prompter.py');
  writeFileSync(
    script,
    `import dbus, dbus.service, dbus.mainloop.glib
from gi.repository import GLib
dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
class Prompter(dbus.service.Object):
    @dbus.service.method("org.gnome.keyring.internal.Prompter", in_signature="o")
    def BeginPrompting(self, callback):
        open("${join(terminal.home, 'prompted')}", "w").close()
name = dbus.service.BusName("org.gnome.keyring.SystemPrompter", bus)
Prompter(bus, "/org/gnome/keyring/Prompter")
print("ready", flush=True)
GLib.MainLoop().run()
`,
  );
  const ready = join(terminal.home, 'prompter');
  return lockKeyring(terminal, unlocked, { before: `mkfifo ${ready}; ${PYTHON} ${script} >${ready} & read -r _ready <${ready};` });
}

/** A bus on which nobody has secrets to keep. */
export function startEmptyBus(terminal) {
  const config = join(terminal.home, 'empty.conf');
  writeFileSync(
    config,
    `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:dir=${terminal.home}</listen><policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
`,
  );
  return startBus(terminal, { options: [`--config-file=${config}`] });
}

/** No bus at all. */
export function removeBus(terminal) {
  terminal.env = { ...terminal.env, DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(terminal.home, 'nothing')}` };
}

/** A bus that takes connections and never speaks; counts them. */
export async function startSilentBus(terminal) {
  const path = join(terminal.home, 'silent');
  const sockets = new Set();
  const silent = { connections: 0 };
  const server = createServer((socket) => {
    silent.connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise((resolve) => server.listen(path, resolve));
  cleanUp(terminal.t, () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  terminal.env = { ...terminal.env, DBUS_SESSION_BUS_ADDRESS: `unix:path=${path}` };
  return silent;
}
