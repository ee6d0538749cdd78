/**
 * What a service file is to start, in words that no format can take as they are.
 *
 * @module
 */

import type { ServiceRequest } from "../../lib/cli/service/service_system.ts";

/** A name with a character for each kind of quoting. */
export const NASTY_NAME = "a b%c&d'e\"f$g";

/** What is written like a variable, a command, a comment, or an escape of one. */
export const WORST_NAME = "\\h\\\\%i\\'j\\ ${HOME} $HOME `id` #!~*;<é>\\";

/** As installed. */
export const PLAIN: ServiceRequest = { program: ["/usr/local/bin/natpmp"], config: "/etc/natpmp.json" };

/** A program and a configuration in a directory. */
export function requestIn(directory: string): ServiceRequest {
  return { program: [`${directory}/natpmp`], config: `${directory}/natpmp.json` };
}
