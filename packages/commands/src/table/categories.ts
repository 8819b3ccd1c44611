/** The ACL categories of a command: its group's, or those that it declares, and those that follow from its flags. */
import { CATEGORIES, type Category, type CommandGroup, type CommandRow } from "./declare.js";

const GROUP_CATEGORY: Readonly<Record<CommandGroup, Category | null>> = {
  connection: "connection",
  server: null,
  generic: "keyspace",
  string: "string",
  bitmap: "bitmap",
  hyperloglog: "hyperloglog",
  hash: "hash",
  list: "list",
  set: "set",
  "sorted-set": "sortedset",
  geo: "geo",
  transactions: "transaction",
  pubsub: null,
  cluster: null,
  lock: "string",
};

/** ACL categories of a row without "@", in Redis's order. A command that is only the sum of its subcommands has no group's. */
export function categoriesOf(row: CommandRow): Category[] {
  const flags = new Set(row.flags);
  const own = row.subcommands === undefined ? GROUP_CATEGORY[row.group] : null;
  const has = new Set<Category>(row.categories ?? (own === null ? [] : [own]));
  if (flags.has("write")) has.add("write");
  if (flags.has("readonly")) has.add("read");
  if (flags.has("admin")) has.add("admin").add("dangerous");
  if (flags.has("pubsub")) has.add("pubsub");
  if (flags.has("blocking")) has.add("blocking");
  has.add(flags.has("fast") ? "fast" : "slow");
  return CATEGORIES.filter((category) => has.has(category));
}
