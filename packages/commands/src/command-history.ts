/** What COMMAND DOCS tells of how a command grew, one change a line: name | version of Redis | what came. Our own words for Redis's facts. */

const text = `
auth | 6.0.0 | takes a user name before the password
bgsave | 3.2.2 | option SCHEDULE
blpop | 6.0.0 | the timeout may have decimals
brpop | 6.0.0 | the timeout may have decimals
client|kill | 2.8.12 | filters by name and value, ID among them
client|kill | 3.2.0 | TYPE knows master
client|kill | 5.0.0 | TYPE knows replica, the newer name of slave
client|kill | 6.2.0 | filter LADDR
client|list | 2.8.12 | field id
client|list | 5.0.0 | filter TYPE
client|list | 6.0.0 | field user
client|list | 6.2.0 | filter ID; fields argv-mem, tot-mem, laddr and redir
client|list | 7.0.0 | fields resp, multi-mem, rbs and rbp
client|list | 7.0.3 | field ssub
command|info | 7.0.0 | without a name it tells of all commands
config|get | 7.0.0 | takes several patterns
config|set | 7.0.0 | sets several parameters at once
exists | 3.0.3 | takes several keys
expire | 7.0.0 | options NX, XX, GT and LT
expireat | 7.0.0 | options NX, XX, GT and LT
flushall | 4.0.0 | option ASYNC
flushall | 6.2.0 | option SYNC
flushdb | 4.0.0 | option ASYNC
flushdb | 6.2.0 | option SYNC
hdel | 2.4.0 | takes several fields
hello | 6.2.0 | the protocol version may be left out
hset | 4.0.0 | takes several fields with their values
info | 7.0.0 | takes several sections
lpop | 6.2.0 | takes a count
lpush | 2.4.0 | takes several elements
lpushx | 4.0.0 | takes several elements
pexpire | 7.0.0 | options NX, XX, GT and LT
pexpireat | 7.0.0 | options NX, XX, GT and LT
pttl | 2.8.0 | -2 for a key that does not exist
renamenx | 3.2.0 | the same name twice is no error any more
rpop | 6.2.0 | takes a count
rpush | 2.4.0 | takes several elements
rpushx | 4.0.0 | takes several elements
sadd | 2.4.0 | takes several members
scan | 6.0.0 | option TYPE
set | 2.6.12 | options EX, PX, NX and XX
set | 6.0.0 | option KEEPTTL
set | 6.2.0 | options GET, EXAT and PXAT
set | 7.0.0 | NX and GET may stand together
shutdown | 7.0.0 | options NOW, FORCE and ABORT
spop | 3.2.0 | takes a count
srandmember | 2.6.0 | takes a count
srem | 2.4.0 | takes several members
ttl | 2.8.0 | -2 for a key that does not exist
zadd | 2.4.0 | takes several members with their scores
zadd | 3.0.2 | options XX, NX, CH and INCR
zadd | 6.2.0 | options GT and LT
zrange | 6.2.0 | options REV, BYSCORE, BYLEX and LIMIT
zrangebyscore | 2.0.0 | option WITHSCORES
zrem | 2.4.0 | takes several members
zrevrangebyscore | 2.1.6 | min and max may be left out of the range
`;

type Change = readonly [version: string, change: string];

const changes = new Map<string, Change[]>();

for (const line of text.trim().split("\n")) {
  const [name = "", version = "", change = ""] = line.split(" | ");
  const known = changes.get(name);
  if (known === undefined) changes.set(name, [[version, change]]);
  else known.push([version, change]);
}

/** The changes of a row, oldest first. */
export function historyOf(name: string): readonly Change[] {
  return changes.get(name) ?? [];
}
