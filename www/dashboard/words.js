// What the dashboard says, and how it says a moment.

/** What a change of the session is called to whoever listens to the page. @type {Record<string, string>} */
export const NEWS = {
  signedIn: "You are signed in.",
  refreshed: "The session was refreshed.",
  signedOut: "You are signed out.",
  expired: "Your session has ended.",
  revoked: "Your session was ended.",
  evicted: "Your session is gone.",
  otherTab: "The session changed in another tab.",
};

/** Why nobody is signed in, and what to do. @type {Record<string, string>} */
export const WHY = {
  signedOut: "Nothing of your session is left in this browser.",
  expired: "Your session has ended: it was not used for long enough, or it was ended elsewhere. Sign in to go on.",
  revoked: "Your session was ended elsewhere: by you on another device, or by whoever runs the server. Sign in to go on.",
  evicted: "This browser has cleared what the site had stored, and your session with it. Sign in to go on.",
  otherTab: "The session ended in another tab, or was ended elsewhere. Sign in to go on.",
};

/** How a program came to its session. @type {Record<string, string>} */
export const WAYS = {
  code: "signed in by the browser",
  device: "signed in by a code",
  handoff: "signed in by this dashboard",
};

/** What a program may do by a scope; the issuer's own page says it in these words. @type {Record<string, string>} */
export const SCOPES = {
  openid: "know who you are",
  email: "see your e-mail address",
  profile: "see your profile",
  offline_access: "stay signed in until you sign out",
};

/** What the issuer's own page calls a program. @type {Record<string, string>} */
export const PROGRAMS = { "gatepass-cli": "Gatepass CLI" };

const UNITS = /** @type {const} */ ([["day", 86_400], ["hour", 3_600], ["minute", 60]]);
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/**
 * How far a moment is from now: "5 minutes ago", "in 3 days".
 * @param {number} seconds since 1970
 */
export function distance(seconds) {
  const away = seconds - Date.now() / 1000;
  const [unit, length] = UNITS.find(([, length]) => Math.abs(away) >= length) ?? ["minute", 0];
  return length ? relative.format(Math.round(away / length), unit) : "just now";
}

/**
 * A moment to the minute: two programs of one machine may differ by nothing else.
 * @param {number} seconds since 1970
 */
export function exact(seconds) {
  return new Date(seconds * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/**
 * A moment by date and time, for machines as well.
 * @param {number} seconds since 1970
 * @param {string} [text]
 */
export function moment(seconds, text) {
  const time = document.createElement("time");
  const date = new Date(seconds * 1000);
  time.dateTime = date.toISOString();
  time.title = exact(seconds);
  time.textContent = text ?? date.toLocaleDateString([], { dateStyle: "medium" });
  return time;
}
