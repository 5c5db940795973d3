// Sending a request by `fetch`: no cookies, no redirects, no cache, a time limit and a limit on what is read.

/** From the first byte sent to the last byte read, in milliseconds. */
const TIME_LIMIT = 15_000;
/** What the core reads at most (`MAX_BODY`), and one byte more, by which it notices that a body was cut. */
const MOST = 256 * 1024 + 1;

/** Whether nobody on the way can read along: by https, or without leaving this machine. @param {string} url */
export const isPrivate = (url) => /^https:|^http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?([/?#]|$)/.test(url);

/**
 * Sends; `null` stands for anything short of a whole response.
 * @param {{method: string, url: string, headers: Record<string, string>, body?: string}} request
 */
export async function send({ method, url, headers, body }) {
  try {
    const response = await fetch(url, {
      method,
      headers,
      body,
      signal: AbortSignal.timeout(TIME_LIMIT),
      // A body with a token goes where it was addressed or nowhere.
      redirect: "error",
      credentials: "omit",
      cache: "no-store",
      referrerPolicy: "no-referrer",
    });
    return { status: response.status, headers: response.headers, body: await read(response.body) };
  } catch {
    return null;
  }
}

/** @param {ReadableStream<Uint8Array> | null} stream */
async function read(stream) {
  const body = new Uint8Array(MOST);
  let length = 0;
  const reader = stream?.getReader();
  while (reader && length < MOST) {
    const { done, value } = await reader.read();
    if (done) break;
    const part = value.subarray(0, MOST - length);
    body.set(part, length);
    length += part.length;
  }
  if (length === MOST) reader?.cancel().catch(() => {});
  return body.subarray(0, length);
}
