const UNITS = [["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]] as const;

/** A time span of whole seconds as people say it: its two largest units, as in `20 h 42 min`. */
export function formatUptime(seconds: number): string {
  const first = UNITS.findIndex(([, size]) => seconds >= size);
  const units = first < 0 ? UNITS.slice(-1) : UNITS.slice(first, first + 2);
  let left = seconds;
  return units.map(([name, size]) => {
    const count = Math.floor(left / size);
    left -= count * size;
    return `${count} ${name}`;
  }).join(" ");
}
