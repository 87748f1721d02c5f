// What happens next in virtual time: a binary heap of instants, each with the number of a device. Two events of one instant
// come in the order of their numbers, so that a run repeats itself exactly.

export interface Event {
  readonly atMs: number;
  readonly device: number;
}

export class EventQueue {
  readonly #heap: Event[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** The instant of the next event; infinity where there is none. */
  get nextAtMs(): number {
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  add(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(event, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = event;
  }

  /** Takes the next event out; undefined where there is none. */
  take(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const [leftEvent, rightEvent] = [heap[left], heap[left + 1]];
      const takesRight = rightEvent !== undefined && leftEvent !== undefined && isBefore(rightEvent, leftEvent);
      const child = takesRight ? rightEvent : leftEvent;
      if (child === undefined || !isBefore(child, last)) break;
      heap[at] = child;
      at = takesRight ? left + 1 : left;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(left: Event, right: Event): boolean {
  return left.atMs === right.atMs ? left.device < right.device : left.atMs < right.atMs;
}
