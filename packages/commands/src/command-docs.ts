/**
 * What COMMAND INFO and COMMAND DOCS tell of a command beyond its row, one command a line:
 *
 *   name | complexity | use of the keys | tips for clients | arguments (see command-syntax.ts)
 *
 * The use of the keys is empty when it is the usual one: "RO access" of commands that read, "RW update" of those that write. With several, one for each key
 * position; otherwise one for all keys.
 */
import { type CommandArgument, parseArguments } from "./command-syntax.js";
import type { CommandRow } from "./context.js";

const text = `
auth | O(N) |  |  | username? password
client|getname | O(1) |  | 
client|help | O(1) |  | 
client|id | O(1) |  | 
client|info | O(1) |  | nondeterministic_output
client|kill | O(N) |  |  | <filter: ip:port | <new-format: ID=client-id:integer? | TYPE=<normal-master-slave-pubsub: NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>? | USER=username? | ADDR=ip:port? | LADDR=ip:port? | SKIPME=yes/no?>+>
client|list | O(N) |  | nondeterministic_output | TYPE=<normal-master-replica-pubsub: NORMAL | MASTER | REPLICA | PUBSUB>? ID=(id: client-id:integer+)?
client|setinfo | O(1) |  |  | <attr: LIB-NAME=libname | LIB-VER=libver>
client|setname | O(1) |  |  | connection-name
echo | O(1) |  |  | message
hello | O(1) |  |  | (arguments: protover:integer AUTH=(username-password: username password)? SETNAME=clientname?)?
ping | O(1) |  | request_policy:all_shards response_policy:all_succeeded | message?
quit | O(1) |  | 
reset | O(1) |  | 
select | O(1) |  |  | index:integer
bgsave | O(1) |  |  | SCHEDULE?
config|get | O(N) |  |  | (parameter: parameter)+
config|help | O(1) |  | 
config|resetstat | O(1) |  | 
config|rewrite | O(1) |  | 
config|set | O(N) |  | request_policy:all_nodes response_policy:all_succeeded | (parameter-value: parameter value)+
dbsize | O(1) |  | request_policy:all_shards response_policy:agg_sum
flushall | O(N) |  | request_policy:all_shards response_policy:all_succeeded | <async: ASYNC | SYNC>?
flushdb | O(N) |  | request_policy:all_shards response_policy:all_succeeded | <async: ASYNC | SYNC>?
info | O(1) |  | nondeterministic_output request_policy:all_shards response_policy:special | section+?
lastsave | O(1) |  | nondeterministic_output
save | O(N) |  | 
shutdown | O(N) |  |  | <nosave-save: NOSAVE | SAVE>? NOW? FORCE? ABORT?
time | O(1) |  | nondeterministic_output
waitaof | O(N) |  | request_policy:all_shards response_policy:agg_min | numlocal:integer numreplicas:integer timeout:integer
command | O(N) |  | nondeterministic_output_order
command|count | O(1) |  | 
command|docs | O(N) |  | nondeterministic_output_order | command-name+?
command|getkeys | O(N) |  | 
command|getkeysandflags | O(N) |  | 
command|info | O(N) |  | nondeterministic_output_order | command-name+?
command|list | O(N) |  | nondeterministic_output_order | FILTERBY=<filterby: MODULE=module-name | ACLCAT=category | PATTERN=pattern:pattern>?
command|help | O(1) |  | 
del | O(N) | RM delete | request_policy:multi_shard response_policy:agg_sum | @key+
unlink | O(1) | RM delete | request_policy:multi_shard response_policy:agg_sum | @key+
mdel | O(N) | RM delete | request_policy:multi_shard response_policy:agg_sum | @key+
exists | O(N) | RO | request_policy:multi_shard response_policy:agg_sum | @key+
touch | O(N) | RO | request_policy:multi_shard response_policy:agg_sum | @key+
type | O(1) | RO |  | @key
rename | O(1) | RW access delete; OW update |  | @key @newkey/1
renamenx | O(1) | RW access delete; OW insert |  | @key @newkey/1
copy | O(N) | RO access; OW update |  | @source @destination/1 DB=destination-db:integer? REPLACE?
keys | O(N) |  | request_policy:all_shards nondeterministic_output_order | pattern:pattern
scan | O(1) |  | nondeterministic_output request_policy:special | cursor:integer MATCH=pattern:pattern? COUNT=count:integer? TYPE=type?
randomkey | O(1) |  | request_policy:all_shards nondeterministic_output
object|encoding | O(1) | RO | nondeterministic_output | @key
object|freq | O(1) | RO | nondeterministic_output | @key
object|help | O(1) |  | 
object|idletime | O(1) | RO | nondeterministic_output | @key
object|refcount | O(1) | RO | nondeterministic_output | @key
expire | O(1) |  |  | @key seconds:integer <condition: NX | XX | GT | LT>?
pexpire | O(1) |  |  | @key milliseconds:integer <condition: NX | XX | GT | LT>?
expireat | O(1) |  |  | @key unix-time-seconds:unix-time <condition: NX | XX | GT | LT>?
pexpireat | O(1) |  |  | @key unix-time-milliseconds:unix-time <condition: NX | XX | GT | LT>?
ttl | O(1) |  | nondeterministic_output | @key
pttl | O(1) |  | nondeterministic_output | @key
expiretime | O(1) |  |  | @key
pexpiretime | O(1) |  |  | @key
persist | O(1) |  |  | @key
set | O(1) | RW access update variable_flags |  | @key value <condition: NX | XX>? GET? <expiration: EX=seconds:integer | PX=milliseconds:integer | EXAT=unix-time-seconds:unix-time | PXAT=unix-time-milliseconds:unix-time | KEEPTTL>?
get | O(1) |  |  | @key
getset | O(1) | RW access update |  | @key value
getdel | O(1) | RW access delete |  | @key
getex | O(1) | RW access update |  | @key <expiration: EX=seconds:integer | PX=milliseconds:integer | EXAT=unix-time-seconds:unix-time | PXAT=unix-time-milliseconds:unix-time | PERSIST>?
setnx | O(1) | OW insert |  | @key value
setex | O(1) | OW update |  | @key seconds:integer value
psetex | O(1) | OW update |  | @key milliseconds:integer value
mset | O(N) | OW update | request_policy:multi_shard response_policy:all_succeeded | (key-value: @key value)+
msetnx | O(N) | OW insert | request_policy:multi_shard response_policy:agg_min | (key-value: @key value)+
mget | O(N) |  | request_policy:multi_shard | @key+
append | O(1) | RW insert |  | @key value
strlen | O(1) | RO |  | @key
getrange | O(N) |  |  | @key start:integer end:integer
substr | O(N) |  |  | @key start:integer end:integer
setrange | O(1) |  |  | @key offset:integer value
incr | O(1) | RW access update |  | @key
decr | O(1) | RW access update |  | @key
incrby | O(1) | RW access update |  | @key increment:integer
decrby | O(1) | RW access update |  | @key decrement:integer
incrbyfloat | O(1) | RW access update |  | @key increment:double
hset | O(1) |  |  | @key (field-value: field value)+
hmset | O(N) |  |  | @key (field-value: field value)+
hsetnx | O(1) | RW insert |  | @key field value
hget | O(1) |  |  | @key field
hmget | O(N) |  |  | @key field+
hgetall | O(N) |  | nondeterministic_output_order | @key
hkeys | O(N) |  | nondeterministic_output_order | @key
hvals | O(N) |  | nondeterministic_output_order | @key
hdel | O(N) | RW delete |  | @key field+
hlen | O(1) | RO |  | @key
hexists | O(1) | RO |  | @key field
hstrlen | O(1) | RO |  | @key field
hincrby | O(1) | RW access update |  | @key field increment:integer
hincrbyfloat | O(1) | RW access update |  | @key field increment:double
hscan | O(1) |  | nondeterministic_output | @key cursor:integer MATCH=pattern:pattern? COUNT=count:integer?
lpush | O(1) | RW insert |  | @key element+
rpush | O(1) | RW insert |  | @key element+
lpushx | O(1) | RW insert |  | @key element+
rpushx | O(1) | RW insert |  | @key element+
lpop | O(N) | RW access delete |  | @key count:integer?
rpop | O(N) | RW access delete |  | @key count:integer?
llen | O(1) | RO |  | @key
lrange | O(S+N) |  |  | @key start:integer stop:integer
lindex | O(N) |  |  | @key index:integer
blpop | O(N) | RW access delete |  | @key+ timeout:double
brpop | O(N) | RW access delete |  | @key+ timeout:double
sadd | O(1) | RW insert |  | @key member+
srem | O(N) | RW delete |  | @key member+
spop | O(N) | RW access delete | nondeterministic_output | @key count:integer?
srandmember | O(N) |  | nondeterministic_output | @key count:integer?
smembers | O(N) |  | nondeterministic_output_order | @key
sismember | O(1) | RO |  | @key member
smismember | O(N) |  |  | @key member+
scard | O(1) | RO |  | @key
sscan | O(1) |  | nondeterministic_output | @key cursor:integer MATCH=pattern:pattern? COUNT=count:integer?
zadd | O(log(N)) |  |  | @key <condition: NX | XX>? <comparison: GT | LT>? CH=change:pure-token? INCR=increment:pure-token? (score-member: score:double member)+
zincrby | O(log(N)) | RW access update |  | @key increment:integer member
zrem | O(M*log(N)) | RW delete |  | @key member+
zcard | O(1) | RO |  | @key
zscore | O(1) |  |  | @key member
zmscore | O(N) |  |  | @key member+
zrank | O(log(N)) |  |  | @key member
zrevrank | O(log(N)) |  |  | @key member
zcount | O(log(N)) |  |  | @key min:double max:double
zrange | O(log(N)+M) |  |  | @key start stop <sortby: BYSCORE | BYLEX>? REV? LIMIT=(offset-count: offset:integer count:integer)? WITHSCORES?
zrevrange | O(log(N)+M) |  |  | @key start:integer stop:integer WITHSCORES?
zrangebyscore | O(log(N)+M) |  |  | @key min:double max:double WITHSCORES? LIMIT=(offset-count: offset:integer count:integer)?
zrevrangebyscore | O(log(N)+M) |  |  | @key max:double min:double WITHSCORES? LIMIT=(offset-count: offset:integer count:integer)?
zpopmin | O(log(N)*M) | RW access delete |  | @key count:integer?
zpopmax | O(log(N)*M) | RW access delete |  | @key count:integer?
zscan | O(1) |  | nondeterministic_output | @key cursor:integer MATCH=pattern:pattern? COUNT=count:integer?
lock | O(1) | RW access update | nondeterministic_output | @key owner ttl-ms:integer
unlock | O(1) | RW access delete |  | @key owner
extendlock | O(1) | RW access update |  | @key owner ttl-ms:integer
discard | O(N) |  | 
multi | O(1) |  | 
unwatch | O(1) |  | 
watch | O(1) | RO |  | @key+
psubscribe | O(N) |  |  | (pattern: pattern:pattern)+
publish | O(N+M) |  |  | channel message
pubsub|channels | O(N) |  |  | pattern:pattern?
pubsub|help | O(1) |  | 
pubsub|numpat | O(1) |  | 
pubsub|numsub | O(N) |  |  | channel+?
punsubscribe | O(N+M) |  |  | pattern:pattern+?
subscribe | O(N) |  |  | channel+
unsubscribe | O(N) |  |  | channel+?
`;

/** One line of the table. */
export interface CommandDocs {
  readonly complexity: string;
  /** Flags of each key specification, separated by spaces. */
  readonly keyUses: readonly string[];
  readonly tips: readonly string[];
  readonly args: readonly CommandArgument[];
}

/** Commands that clients should not use any more: since when, and what instead. */
export const deprecations: ReadonlyMap<string, { readonly since: string; readonly replacedBy: string }> = new Map([
  ["quit", { since: "7.2.0", replacedBy: "just closing the connection" }],
  ["getset", { since: "6.2.0", replacedBy: "`SET` with the `!GET` argument" }],
  ["substr", { since: "2.0.0", replacedBy: "`GETRANGE`" }],
  ["hmset", { since: "4.0.0", replacedBy: "`HSET` with multiple field-value pairs" }],
  ["zrevrange", { since: "6.2.0", replacedBy: "`ZRANGE` with the `REV` argument" }],
  ["zrangebyscore", { since: "6.2.0", replacedBy: "`ZRANGE` with the `BYSCORE` argument" }],
  ["zrevrangebyscore", { since: "6.2.0", replacedBy: "`ZRANGE` with the `REV` and `BYSCORE` arguments" }],
]);

const COLUMNS = 5;
const table = new Map<string, CommandDocs>();

/** The documentation of a row; empty fields where the table has no line for it. */
export function docsOf(row: CommandRow): CommandDocs {
  if (table.size === 0) for (const line of text.trim().split("\n")) readLine(line);
  const docs = table.get(row.name) ?? { complexity: "", keyUses: [], tips: [], args: [] };
  return docs.keyUses.length > 0 || row.firstKey === 0 ? docs : { ...docs, keyUses: [usualKeyUse(row)] };
}

/** Names that the table has lines for. */
export function documentedNames(): string[] {
  return text
    .trim()
    .split("\n")
    .map((line) => line.slice(0, line.indexOf(" ")));
}

function readLine(line: string): void {
  const cells = line.split(" |").map((cell) => cell.trim());
  const [name, complexity, keyUses, tips] = cells;
  table.set(name, {
    complexity,
    keyUses: keyUses === "" ? [] : keyUses.split("; "),
    tips: tips === "" ? [] : tips.split(" "),
    args: parseArguments(cells.slice(COLUMNS - 1).join(" | ")),
  });
}

function usualKeyUse(row: CommandRow): string {
  return row.flags.includes("write") ? "RW update" : "RO access";
}
