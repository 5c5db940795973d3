// Our own authority, started as an operator would.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { folder, start } from './process.mjs';
import { AUTHORITY, WWW } from './tree.mjs';


/** Starts it with a fresh database; gives its address and what a test needs of it. `www` may be a folder of its own. */
export async function startAuthority(t, { www = false, config, args: more = [] } = {}) {
  const place = folder(t, 'authority');
  const clockFile = join(place, 'clock');
  const args = ['--dev', '--listen', '127.0.0.1:0', '--db', join(place, 'gatepass.sqlite'), '--json', ...more];
  if (www) args.push('--www', www === true ? WWW : www);
  if (config) {
    writeFileSync(join(place, 'authority.toml'), config);
    args.push('--config', join(place, 'authority.toml'));
  }
  const program = start(t, AUTHORITY, args, { env: { ...process.env, GATEPASS_TEST_CLOCK_FILE: clockFile } });
  const { issuer, listen } = await program.until(({ stdout }) => stdout.includes('\n') && JSON.parse(stdout.split('\n')[0]));
  const address = `http://${listen}`;
  return {
    issuer,
    /** Where it listens, which is elsewhere if `config` names an issuer. */
    address,
    place,
    program,
    /** Lets time pass for the server. */
    later: (seconds) => writeFileSync(clockFile, String(seconds)),
    /** The newest letter to somebody. */
    letter: async (to) => {
      const letters = await (await fetch(`${address}${new URL(issuer).pathname.replace(/\/$/, '')}/dev/mailbox.json`)).json();
      return letters.find((letter) => letter.to === to);
    },
    /** How many requests to a path ended with a status, by the server's own log. */
    count: (path, status) => program.stderr.split('\n').filter((line) => line.includes(path) && line.includes(String(status))).length,
  };
}

/** Walks a visitor from an authorization request through magic link and consent, to where the browser ends up. */
export async function signIn(authority, visitor, url, { email = 'user@example.com', decision = 'allow', stop } = {}) {
  await visitor.open(url, { stop });
  await visitor.submit({ email });
  const { link } = await authority.letter(email);
  await visitor.open(link);
  const page = await visitor.submit({}, { stop });
  // Consent is asked of programs; a dashboard of the house goes on by itself.
  return /id="consent"/.test(page.html) ? visitor.submit({}, { button: decision, stop }) : page;
}
