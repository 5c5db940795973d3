// Where things lie, whatever folder a test is started from.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file or folder of the repository. */
export const inTree = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

const built = (variable, path) => resolve(process.env[variable] ?? inTree(path));

export const GATEPASS = built('GATEPASS_BIN', 'target/debug/gatepass');
export const AUTHORITY = built('GATEPASS_AUTHORITY_BIN', 'target/debug/gatepass-authority');
/** An example of the native library. */
export const EXAMPLE = built('GATEPASS_EXAMPLE', 'target/debug/examples/whoami');
/** Pages and packages, as they are shipped. */
export const WWW = built('GATEPASS_WWW', 'target/www');
/** What stages them, if nobody has. */
export const wwwMissing = existsSync(WWW) ? undefined : '`cargo xtask wasm`';
