/** The version of Redis whose behaviour clients may expect: HELLO and INFO say it. */
export const REDIS_VERSION = "7.2.4";
