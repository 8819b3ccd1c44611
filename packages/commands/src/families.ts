/** All commands of the server, family by family. */
import { bitFieldCommands } from "./bitmaps/bit-fields.js";
import { bitmapCommands } from "./bitmaps/bitmaps.js";
import { clientCommands } from "./connection/client.js";
import { connectionCommands } from "./connection/connection.js";
import { placeCommands } from "./geo/places.js";
import { placeSearchCommands } from "./geo/search.js";
import { hashCommands } from "./hashes/hashes.js";
import { hyperLogLogCommands } from "./hyperloglog/hyperloglog.js";
import { dumpCommands } from "./keys/dump.js";
import { expiryCommands } from "./keys/expiry.js";
import { keyCommands } from "./keys/keys.js";
import { migrateCommands } from "./keys/migrate.js";
import { objectCommands } from "./keys/object.js";
import { scanCommands } from "./keys/scan.js";
import { sortCommands } from "./keys/sort.js";
import { blockingListCommands } from "./lists/blocking.js";
import { listElementCommands } from "./lists/elements.js";
import { listCommands } from "./lists/lists.js";
import { listMoveCommands } from "./lists/moves.js";
import { pubsubCommands } from "./pubsub/pubsub.js";
import { clusterCommands } from "./server/cluster.js";
import { commandCommands } from "./server/command.js";
import { commandLogCommands } from "./server/command-log.js";
import { configCommands } from "./server/config.js";
import { debugCommands } from "./server/debug.js";
import { latencyCommands } from "./server/latency.js";
import { lolwutCommands } from "./server/lolwut.js";
import { memoryCommands } from "./server/memory.js";
import { monitorCommands } from "./server/monitor.js";
import { serverCommands } from "./server/server.js";
import { waitCommands } from "./server/wait.js";
import { setAlgebraCommands } from "./sets/algebra.js";
import { setCommands } from "./sets/sets.js";
import { incrementCommands } from "./strings/increments.js";
import { lcsCommands } from "./strings/lcs.js";
import { lockCommands } from "./strings/locks.js";
import { stringRangeCommands } from "./strings/ranges.js";
import { stringCommands } from "./strings/strings.js";
import { CommandTable } from "./table/command-table.js";
import { transactionCommands } from "./transactions/transactions.js";
import { zsetAlgebraCommands } from "./zsets/zset-algebra.js";
import { zsetPopCommands } from "./zsets/zset-pops.js";
import { zsetRangeWriteCommands } from "./zsets/zset-range-writes.js";
import { zsetRangeCommands } from "./zsets/zset-ranges.js";
import { zsetCommands } from "./zsets/zsets.js";

/** A table of its own for each server: the declarations are the same, the counters are not. */
export function makeCommandTable(): CommandTable {
  return new CommandTable([
    ...connectionCommands,
    ...clientCommands,
    ...serverCommands,
    ...clusterCommands,
    ...lolwutCommands,
    ...memoryCommands,
    ...waitCommands,
    ...configCommands,
    ...commandLogCommands,
    ...latencyCommands,
    ...monitorCommands,
    ...commandCommands,
    ...debugCommands,
    ...keyCommands,
    ...expiryCommands,
    ...dumpCommands,
    ...migrateCommands,
    ...scanCommands,
    ...objectCommands,
    ...sortCommands,
    ...stringCommands,
    ...stringRangeCommands,
    ...incrementCommands,
    ...lcsCommands,
    ...lockCommands,
    ...bitmapCommands,
    ...bitFieldCommands,
    ...hyperLogLogCommands,
    ...hashCommands,
    ...listCommands,
    ...listElementCommands,
    ...listMoveCommands,
    ...blockingListCommands,
    ...setCommands,
    ...setAlgebraCommands,
    ...zsetCommands,
    ...zsetRangeCommands,
    ...zsetRangeWriteCommands,
    ...zsetPopCommands,
    ...zsetAlgebraCommands,
    ...placeCommands,
    ...placeSearchCommands,
    ...transactionCommands,
    ...pubsubCommands,
  ]);
}
