import type { Notification } from './mcp-client.ts';

/** Keeps what arrived and tells listeners. */
export class NotificationLog {
  readonly seen: Notification[] = [];
  readonly #listeners: ((notification: Notification) => void)[] = [];

  add(notification: Notification): void {
    this.seen.push(notification);
    for (const listener of this.#listeners) listener(notification);
  }

  listen(listener: (notification: Notification) => void): void {
    this.#listeners.push(listener);
  }
}
