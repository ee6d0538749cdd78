import type { MappingKey } from "../port_mapper.ts";

/**
 * What a mapping is called, as in `tcp 80`. No other has that name, so it is a key of maps and sets too.
 *
 * @param mapping The mapping.
 * @returns Its protocol and internal port.
 */
export function mappingName({ protocol, internalPort }: MappingKey): string {
  return `${protocol} ${internalPort}`;
}
