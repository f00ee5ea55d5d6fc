import type { GatewayLimits, LimitName } from '../../proto/limits.ts';
import { FairReads } from './fair-reads.ts';

/** A body is not called slow before this time. */
const GRACE_MS = 5000;
/** Bodies under way are looked at so often. */
export const LOOK_MS = 1000;

/** A body under way, and then what is kept of it until its request is answered. */
export interface Holding {
  /** Takes `bytes` more; a limit's name when it must not. */
  take(bytes: number): LimitName | null;
  /** The limit's name when a body of so many bytes could not be read to its end as things are; nothing is taken. */
  wouldRefuse(bytes: number): LimitName | null;
  /** The body waits for its turn to be read: that time is not its sender's. */
  pause(): void;
  goOn(): void;
  /** The body is complete: it counts until `release`, but can be given up no more. */
  complete(): void;
  release(): void;
}

interface Body {
  limits: GatewayLimits;
  startedMs: number;
  /** When it began to wait for its turn; null while it is read. */
  pausedMs: number | null;
  bytes: number;
  giveUp: (limit: LimitName) => void;
}

/** What one address holds: all its bytes, and its bodies that are not complete, oldest first. */
interface Holder {
  bytes: number;
  readonly open: Set<Body>;
}

/**
 * Bytes of request bodies that this process holds, in total and by client address. When all is taken, the address that holds most loses its
 * oldest body under way. A client who sends little thus still finds room.
 */
export class BodyBudget {
  readonly #now: () => number;
  readonly #holders = new Map<string, Holder>();
  /** Bodies take turns: a thousand that arrive at once would keep every call waiting for seconds. */
  readonly reads: FairReads;
  #bytes = 0;

  constructor(now: () => number, reads = new FairReads()) {
    this.#now = now;
    this.reads = reads;
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** `giveUp`: called at most once, when the body comes too slowly or gives way to another; the caller then releases it. */
  open(address: string, limits: GatewayLimits, giveUp: (limit: LimitName) => void): Holding {
    const body: Body = { limits, startedMs: this.#now(), pausedMs: null, bytes: 0, giveUp };
    const holder = this.#holders.get(address) ?? { bytes: 0, open: new Set() };
    this.#holders.set(address, holder);
    holder.open.add(body);
    let isReleased = false;
    return {
      take: (bytes) => {
        const limit = this.#refusal(holder, bytes, limits);
        if (limit !== null) return limit;
        body.bytes += bytes;
        this.#add(holder, bytes);
        return null;
      },
      wouldRefuse: (bytes) => refusalOfAddress(holder, bytes, limits),
      pause: () => {
        body.pausedMs ??= this.#now();
      },
      goOn: () => {
        if (body.pausedMs !== null) body.startedMs += this.#now() - body.pausedMs;
        body.pausedMs = null;
      },
      complete: () => {
        holder.open.delete(body);
      },
      release: () => {
        if (isReleased) return;
        isReleased = true;
        holder.open.delete(body);
        this.#add(holder, -body.bytes);
        if (holder.bytes === 0 && holder.open.size === 0 && this.#holders.get(address) === holder)
          this.#holders.delete(address);
      },
    };
  }

  /** Gives up the bodies that come too slowly. */
  look(): void {
    const nowMs = this.#now();
    for (const { open } of this.#holders.values()) {
      for (const body of open) {
        const limit = slowness(body, (body.pausedMs ?? nowMs) - body.startedMs);
        if (limit === null) continue;
        open.delete(body);
        body.giveUp(limit);
      }
    }
  }

  #refusal(holder: Holder, bytes: number, limits: GatewayLimits): LimitName | null {
    const ofAddress = refusalOfAddress(holder, bytes, limits);
    if (ofAddress !== null) return ofAddress;
    const wanted = holder.bytes + bytes;
    while (this.#bytes + bytes > limits.bufferedBytes) {
      const most = this.#most();
      if (most === undefined || most.bytes <= wanted) return 'body_bytes';
      const [oldest] = most.open;
      if (oldest === undefined) return 'body_bytes';
      most.open.delete(oldest);
      oldest.giveUp('body_bytes');
    }
    return null;
  }

  /** Who holds most, of those that have a body under way. */
  #most(): Holder | undefined {
    let most: Holder | undefined;
    for (const holder of this.#holders.values())
      if (holder.open.size > 0 && (most === undefined || holder.bytes > most.bytes)) most = holder;
    return most;
  }

  #add(holder: Holder, bytes: number): void {
    this.#bytes += bytes;
    holder.bytes += bytes;
  }
}

const refusalOfAddress = (holder: Holder, bytes: number, limits: GatewayLimits): LimitName | null =>
  holder.bytes + bytes > limits.bufferedBytesPerAddress ? 'body_bytes_per_address' : null;

function slowness({ limits, bytes }: Body, ageMs: number): LimitName | null {
  if (limits.requestMs > 0 && ageMs > limits.requestMs) return 'body_time';
  if (ageMs > GRACE_MS && bytes * 1000 < limits.minBodyBytesPerSecond * (ageMs - GRACE_MS)) return 'body_rate';
  return null;
}
