/**
 * Says why the system refused something, in its own words.
 *
 * @returns Its message, without the call and the path that Deno adds: whoever reads it knows of another path, or none.
 */
export function systemReason(error: unknown): string {
  return error instanceof Error ? error.message.replace(/: [a-z]+ '.*$/s, "") : String(error);
}
