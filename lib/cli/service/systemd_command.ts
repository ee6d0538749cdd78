/**
 * Writes the program's absolute path and its arguments as the value of `ExecStart=` (systemd.service(5), "Command
 * lines").
 *
 * @returns The value, which systemd reads back as the very words.
 */
export function systemdCommand(words: readonly string[]): string {
  const [program = ""] = words;
  // systemd takes no quote, backslash or control character in the path of the program, and knows no way to write a
  // dollar sign there. The shell does, and becomes the program, so that it is still the service's main process.
  const started = /["'\\$\p{Cc}]/u.test(program) ? ["/bin/sh", "-c", 'exec "$0" "$@"', ...words] : words;
  return started.map(systemdWord).join(" ");
}

function systemdWord(word: string): string {
  if (/^[\w/.,:@+=-]+$/.test(word)) return word;
  return `"${escapeQuoted(word.replaceAll("$", "$$$$")).replace(/\p{Cc}/gu, controlEscape)}"`;
}

/**
 * Escapes what stands between double quotes in any setting: `%` begins a specifier (systemd.unit(5)).
 *
 * @returns The text as a unit file has it. Control characters stay: not every setting knows a way to write them.
 */
export function escapeQuoted(text: string): string {
  return text.replace(/["\\]/g, "\\$&").replaceAll("%", "%%");
}

/** `\xNN` is a byte, and a character from U+0080 on takes several. */
function controlEscape(control: string): string {
  return [...new TextEncoder().encode(control)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`)
    .join("");
}
