// The page's end of tile_worker.js: orders go out, promises come back, a cancelled order is forgotten.

export class TileTasks {
  constructor(workerUrl, onFailure) {
    this.waiting = new Map();
    this.next = 1;
    this.onFailure = onFailure;
    this.worker = new Worker(workerUrl, { type: "module" });
    this.worker.onmessage = ({ data }) => this.settle(data);
    this.worker.onerror = (event) => this.failAll(event.message || "the tile worker stopped");
  }

  /** Order a tile. task: ground | heights | vector. Resolves to the worker's value, to null when cancelled or failed. */
  order(task, order, signal) {
    const id = this.next;
    this.next += 1;
    return new Promise((resolve) => {
      this.waiting.set(id, { resolve, task });
      this.worker.postMessage({ id, task, order });
      signal?.addEventListener("abort", () => this.worker.postMessage({ id, task: "cancel" }), { once: true });
    });
  }

  /** How many tiles are on their way. */
  get pending() {
    return this.waiting.size;
  }

  settle({ id, value, error }) {
    const order = this.waiting.get(id);
    if (!order) return;
    this.waiting.delete(id);
    if (error && error !== "cancelled") this.onFailure(order.task, error);
    order.resolve(error ? null : value);
  }

  failAll(message) {
    for (const { resolve, task } of this.waiting.values()) {
      this.onFailure(task, message);
      resolve(null);
    }
    this.waiting.clear();
  }
}
