/** What took longer than a threshold, event by event, as LATENCY shows it; and the settings of how the time of commands is kept. */
import type { LatencyEvent, LatencyHost, LatencySample } from "@hearthkv/commands";

const SAMPLES_MAX = 160;

/** One per server. */
export class LatencyMonitor implements LatencyHost {
  readonly events = new Map<string, LatencyEvent & { maxMs: number; readonly samples: LatencySample[] }>();
  /** Milliseconds; 0 = nothing is watched. */
  thresholdMs = 0;
  /** Whether it is kept how long the calls of each command took. */
  tracksCommands = true;
  /** Those that INFO latencystats tells. */
  percentiles: readonly number[] = [50, 99, 99.9];

  /** Keeps that an event took so long where that is enough. Of one second the longest is kept. */
  add(event: string, ms: number, nowMs: number): void {
    if (this.thresholdMs === 0 || ms < this.thresholdMs) return;
    const atSeconds = Math.floor(nowMs / 1000);
    let known = this.events.get(event);
    if (known === undefined) {
      known = { samples: [], maxMs: 0 };
      this.events.set(event, known);
    }
    const { samples } = known;
    known.maxMs = Math.max(known.maxMs, ms);
    const last = samples[samples.length - 1];
    if (last?.atSeconds === atSeconds) {
      samples[samples.length - 1] = { atSeconds, ms: Math.max(last.ms, ms) };
      return;
    }
    samples.push({ atSeconds, ms });
    if (samples.length > SAMPLES_MAX) samples.shift();
  }

  reset(names: readonly string[]): number {
    const before = this.events.size;
    if (names.length === 0) this.events.clear();
    for (const name of names) this.events.delete(name);
    return before - this.events.size;
  }
}
