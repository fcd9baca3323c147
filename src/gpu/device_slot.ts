/** Device slots: layers above keep things of their own with a device, typed by the slot, of which gpu knows nothing. */

/** The contents of a device's slots, by slot. */
export type Slots = Map<object, unknown>;

export class DeviceSlot<T> {
  get({ slots }: { readonly slots: Slots }): T | undefined {
    return slots.get(this) as T | undefined;
  }

  set({ slots }: { readonly slots: Slots }, value: T): void {
    slots.set(this, value);
  }
}
