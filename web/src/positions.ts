import { live } from './live.js';
import { type Loaded, useLoad } from './load.js';
import type { Position } from './record.js';
import { useStore } from './store.js';

export interface OpenPositions extends Loaded<ReadonlyMap<string, Position>> {
  /** False while only the first pages of them are here. */
  isWhole: boolean;
  /** The stream keeps them true now: they have no age. */
  isLive: boolean;
}

/** Every open position, read once and then moved by the stream. */
export function usePositions(): OpenPositions {
  const read = useLoad('positions', live.readPositions);
  const data = useStore(live.positions);
  const isWhole = useStore(live.isWhole);
  const connection = useStore(live.connection);
  // Until it stopped the stream kept them true.
  const stopped_ms = 'true_ms' in connection ? connection.true_ms : 0;
  const at_ms = read.at_ms === undefined ? undefined : Math.max(read.at_ms, stopped_ms);
  return { ...read, data, at_ms, isWhole, isLive: connection.state === 'live' };
}
