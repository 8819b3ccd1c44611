/**
 * Who may run what. Almost always nothing restricts a client, and then it costs one comparison: the client remembers the epoch in which no rule did.
 *
 *   changed()                        a rule may restrict somebody from now on: the epoch goes up, so every client is looked at anew
 *   client.plainIn = 0               the same for one client: it began a transaction, subscribed, lost its authentication (ClientState's setters)
 *   objection() finds no rule        plainIn = the epoch
 *
 * That a rule restricts nobody any more need not be told: who is restricted is looked at with each request.
 */
import type { TableRow } from "@hearthkv/commands";
import type { Request } from "@hearthkv/resp";
import type { ClientState } from "../clients/client-state.js";
import type { Rule } from "./rules.js";

/** One per server. */
export class Admission {
  readonly #rules: readonly Rule[];
  #epoch = 1;

  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
  }

  /** To be called when a rule may restrict clients that it did not before. */
  changed(): void {
    this.#epoch++;
  }

  /** Whether no rule restricts what the client may run. A request that is large has to be asked for all the same. */
  isPlain(client: ClientState): boolean {
    return client.plainIn === this.#epoch;
  }

  /** What stands in the way of a request; null = it may be run, or queued. */
  objection(client: ClientState, row: TableRow, request: Request): string | null {
    const candidate = { client, row, request, bits: allBits(client, row) };
    let isPlain = true;
    for (const rule of this.#rules) {
      if (rule.restricts(client)) isPlain = false;
      const problem = rule.objection(candidate);
      if (problem !== null) return problem;
    }
    if (isPlain) client.plainIn = this.#epoch;
    return null;
  }
}

/** Flags of the row: EXEC has those of all that is in the queue. */
export function allBits(client: ClientState, row: TableRow): number {
  return row.name === "exec" ? row.bits | client.queueBits : row.bits;
}
