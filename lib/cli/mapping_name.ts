import type { MappingKey } from "../port_mapper.ts";

/**
 * What a mapping is called, as in `tcp 80`.
 *
 * @param mapping The mapping.
 * @returns Its protocol and internal port.
 */
export function mappingName({ protocol, internalPort }: MappingKey): string {
  return `${protocol} ${internalPort}`;
}
