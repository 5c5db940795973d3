// A token that one side lends the other, whoever makes it: bound to a key, for minutes, and for no more than was asked.

import { GatepassError } from "../shared/errors.js";

/** The longest that such a token may live, in seconds. */
const LONGEST_LOAN = 300;

/**
 * @param {string} asked the scopes
 * @param {any} answer
 * @returns {{access_token: string, token_type: string, expires_in: number, scope: string}}
 */
export function loan(asked, { access_token, token_type, expires_in, scope = asked }) {
  const bound = typeof access_token === "string" && typeof token_type === "string" && /^DPoP$/i.test(token_type);
  const short = typeof expires_in === "number" && expires_in > 0 && expires_in <= LONGEST_LOAN;
  // Where nothing is said, it is what was asked for (RFC 6749 section 5.1).
  const narrow = typeof scope === "string" && scope.split(" ").every((one) => asked.split(" ").includes(one));
  if (!bound || !short || !narrow) throw new GatepassError("malformed", { fault: "server" });
  return { access_token, token_type, expires_in, scope };
}
