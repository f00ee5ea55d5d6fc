/** Kept for one client, and for all of them. */
const MAX_EACH_BYTES = 1 << 20;
const MAX_BYTES = 32 << 20;
/** Calls that go on without their client, of one client address and of all. */
const MAX_EACH_CALLS = 64;
const MAX_CALLS = 2000;

/** What one answer takes of the room for answers whose clients are away. */
export interface Room {
  /** False: there is no more. */
  take(bytes: number): boolean;
  release(): void;
}

/** The room of a relay for answers whose clients are away, so that who goes away again and again takes nothing from others. */
export class KeptBytes {
  #bytes = 0;
  #calls = 0;
  readonly #callsOf = new Map<string, number>();

  /** Null: this client, or all of them, have as many as they may. */
  enter(address: string): Room | null {
    const count = this.#callsOf.get(address) ?? 0;
    if (count >= MAX_EACH_CALLS || this.#calls >= MAX_CALLS) return null;
    this.#callsOf.set(address, count + 1);
    this.#calls += 1;
    let held = 0;
    let isHeld = true;
    return {
      take: (bytes) => {
        if (held + bytes > MAX_EACH_BYTES || this.#bytes + bytes > MAX_BYTES) return false;
        held += bytes;
        this.#bytes += bytes;
        return true;
      },
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#bytes -= held;
        this.#leave(address);
      },
    };
  }

  #leave(address: string): void {
    this.#calls -= 1;
    const left = (this.#callsOf.get(address) ?? 1) - 1;
    if (left > 0) this.#callsOf.set(address, left);
    else this.#callsOf.delete(address);
  }
}
