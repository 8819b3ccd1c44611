/** Loaded into a server process: its monotonic clock runs so fast that a recovery of some milliseconds takes seconds by it. */
const FACTOR = 300;
const now = performance.now.bind(performance);
performance.now = () => now() * FACTOR;
