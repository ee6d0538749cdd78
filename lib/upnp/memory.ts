/**
 * The memory of the UPnP client: where its router's service is. Pure.
 *
 * @module
 */

import { type GatewayMemory, memoryFields } from "../port_mapper.ts";
import { isConnectionType } from "./description.ts";
import type { Place } from "./igd.ts";
import { parseIgdUrl } from "./location.ts";
import { shortText } from "./router_text.ts";

/** The parts of a memory. */
export interface Remembered {
  readonly place: Place;
  /** Whether the router grants only mappings that never end. */
  readonly isPermanentOnly: boolean;
}

/** Options of {@linkcode memoryOf}. */
export interface MemoryOptions {
  readonly isPermanentOnly: boolean;
  readonly atMs: number;
}

export function memoryOf(
  place: Place | undefined,
  { isPermanentOnly, atMs }: MemoryOptions,
): GatewayMemory | undefined {
  if (place === undefined) return undefined;
  const { location, controlUrl, serviceType, bootId } = place;
  const data = {
    location: location.href,
    controlUrl: controlUrl.href,
    serviceType,
    ...(bootId === undefined ? {} : { bootId }),
    ...(isPermanentOnly ? { isPermanentOnly } : {}),
  };
  return { data, atMs };
}

/** The parts of a memory; `undefined` for what has another form. Whether its host may be asked is not checked here. */
export function placeIn({ data }: GatewayMemory): Remembered | undefined {
  const { location, controlUrl, serviceType, bootId, isPermanentOnly } = memoryFields(data);
  const [at, control] = [urlIn(location), urlIn(controlUrl)];
  if (at === undefined || control === undefined || at.hostname !== control.hostname) return undefined;
  if (typeof serviceType !== "string" || !isConnectionType(serviceType)) return undefined;
  return {
    place: {
      location: at,
      controlUrl: control,
      serviceType,
      bootId: typeof bootId === "string" ? shortText(bootId) : undefined,
    },
    isPermanentOnly: isPermanentOnly === true,
  };
}

function urlIn(text: unknown): URL | undefined {
  const verdict = typeof text === "string" ? parseIgdUrl(text) : undefined;
  return verdict !== undefined && "url" in verdict ? verdict.url : undefined;
}
