// The only place that knows what time it is.

/** Now, in seconds since 1970, by this machine's clock. */
export const now = () => Math.floor(Date.now() / 1000);
