/** All adapters that can be had: WebGPU lists none, but gives one for each way of asking. */
import {
  ADAPTER_REQUESTS,
  type AdapterDescription,
  type AdapterRequest,
  describeAdapter,
  requestAdapter,
} from "./adapter.ts";
import { backendOf } from "./backend.ts";

export interface ListedAdapter extends AdapterDescription {
  /** The ways of asking that give it; the one for high performance is what `auto` opens. */
  readonly requests: readonly AdapterRequest[];
}

/** Each adapter of an implementation of WebGPU once. Two cards of one kind cannot be told apart, and are one. */
export async function listAdapters(webgpu: GPU = navigator.gpu): Promise<ListedAdapter[]> {
  const found = new Map<string, ListedAdapter>();
  for (const request of ADAPTER_REQUESTS) {
    const adapter = await requestAdapter(request, webgpu);
    if (adapter === null) continue;
    const description = describeAdapter(adapter, backendOf(webgpu));
    const known = found.get(description.identity)?.requests ?? [];
    found.set(description.identity, { ...description, requests: [...known, request] });
  }
  return [...found.values()];
}
