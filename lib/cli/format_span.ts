/** A span of time for people, as in `1:02:03`, with days in front where there are any. A negative one counts as 0. */
export function formatSpan(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor(seconds / 3600) % 24;
  return `${days > 0 ? `${days}d ` : ""}${hours}:${two(seconds / 60 % 60)}:${two(seconds % 60)}`;
}
