/**
 * The system's own message about why it refused something.
 *
 * @returns Its message, without the call and the path that Deno adds: the reader knows another path, or none.
 */
export function systemReason(error: unknown): string {
  return error instanceof Error ? error.message.replace(/: [a-z]+ '.*$/s, "") : String(error);
}
