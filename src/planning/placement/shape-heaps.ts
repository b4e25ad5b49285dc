import type { FlatFleet } from '../fleet/flat-fleet.ts';
import { none } from '../fleet/index-keys.ts';

/**
 * A binary heap of hosts by the score they had when they were last looked at, ties to the lower
 * index.
 */
interface HostHeap {
  readonly hosts: number[];
  readonly keys: number[];
}

/**
 * The hosts that are up in one heap per shape (size and place). An account adds the same weight to
 * every host of a shape, so the best
 * host by load for it is the best of the few heap tops. Only for fleets that are being filled:
 * scores may rise and slots may go,
 * never the other way.
 */
export class ShapeHeaps {
  readonly #fleet: FlatFleet;
  readonly #heaps: HostHeap[] = [];
  readonly #aside: HostHeap = { hosts: [], keys: [] };

  /**
   * `byPlace`: whether any of the accounts may only be in certain places. Otherwise hosts of one
   * size are one shape wherever they are.
   */
  constructor(fleet: FlatFleet, byPlace: boolean) {
    this.#fleet = fleet;
    const shapes = fleet.shapes(byPlace);
    const byShape = new Map<number, HostHeap>();
    for (const host of fleet.upHosts()) {
      const shape = shapes[host] as number;
      let heap = byShape.get(shape);
      if (heap === undefined) {
        heap = { hosts: [], keys: [] };
        byShape.set(shape, heap);
        this.#heaps.push(heap);
      }
      push(heap, host, fleet.score[host] as number);
    }
  }

  /**
   * Writes into `found`, for each shape, the host of the lowest score that accepts the account;
   * returns it.
   */
  lowestOfEachShape(account: number, found: number[]): number[] {
    found.length = 0;
    for (const heap of this.#heaps) {
      const host = this.#lowestThatAccepts(heap, account);
      if (host !== none) found.push(host);
    }
    return found;
  }

  #lowestThatAccepts(heap: HostHeap, account: number): number {
    const fleet = this.#fleet;
    const aside = this.#aside;
    let accepted: number = none;
    while (heap.hosts.length > 0 && accepted === none) {
      const host = heap.hosts[0] as number;
      const score = fleet.score[host] as number;
      if ((fleet.freeSlots[host] as number) <= 0) pop(heap);
      else if (score > (heap.keys[0] as number)) {
        heap.keys[0] = score;
        siftDown(heap, 0);
      } else if (fleet.accepts(account, host)) accepted = host;
      else if (!fleet.allows(account, host)) break;
      else {
        pop(heap);
        aside.hosts.push(host);
        aside.keys.push(score);
      }
    }
    for (let index = 0; index < aside.hosts.length; index++)
      push(heap, aside.hosts[index] as number, aside.keys[index] as number);
    aside.hosts.length = 0;
    aside.keys.length = 0;
    return accepted;
  }
}

function push(heap: HostHeap, host: number, key: number): void {
  heap.hosts.push(host);
  heap.keys.push(key);
  let at = heap.hosts.length - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!isBefore(heap, at, parent)) return;
    swap(heap, at, parent);
    at = parent;
  }
}

function pop(heap: HostHeap): void {
  const last = heap.hosts.length - 1;
  swap(heap, 0, last);
  heap.hosts.pop();
  heap.keys.pop();
  siftDown(heap, 0);
}

function siftDown(heap: HostHeap, from: number): void {
  const count = heap.hosts.length;
  let at = from;
  for (;;) {
    const left = 2 * at + 1;
    let least = at;
    if (left < count && isBefore(heap, left, least)) least = left;
    if (left + 1 < count && isBefore(heap, left + 1, least)) least = left + 1;
    if (least === at) return;
    swap(heap, at, least);
    at = least;
  }
}

function isBefore({ hosts, keys }: HostHeap, a: number, b: number): boolean {
  const difference = (keys[a] as number) - (keys[b] as number);
  return difference < 0 || (difference === 0 && (hosts[a] as number) < (hosts[b] as number));
}

function swap({ hosts, keys }: HostHeap, a: number, b: number): void {
  const host = hosts[a] as number;
  const key = keys[a] as number;
  hosts[a] = hosts[b] as number;
  keys[a] = keys[b] as number;
  hosts[b] = host;
  keys[b] = key;
}
