/** A place on a device where a layer above keeps something of its own. The type is the slot's; gpu knows nothing of it. */

/** What a device has in its slots. */
export type Slots = Map<object, unknown>;

export class DeviceSlot<T> {
  get({ slots }: { readonly slots: Slots }): T | undefined {
    return slots.get(this) as T | undefined;
  }

  set({ slots }: { readonly slots: Slots }, value: T): void {
    slots.set(this, value);
  }
}
