import type { CommandContext } from "../command.ts";
import { COMPLETION_SCRIPTS } from "../completions/scripts.ts";
import { type Shell, SHELLS } from "../option_table.ts";
import { UsageError } from "../usage_error.ts";

/** `natpmp completions`: prints the completions of a shell, to be installed or sourced. */
export function completions({ line, output }: CommandContext): Promise<number> {
  const shell = readShell(line.operands);
  const script = COMPLETION_SCRIPTS[shell];
  output.file(script.trimEnd());
  output.json({ command: "completions", shell, script });
  return Promise.resolve(0);
}

function readShell([word, extra]: readonly string[]): Shell {
  if (word === undefined) throw new UsageError(`No shell is given: the shells are ${SHELLS.join(", ")}`);
  const shell = SHELLS.find((name) => name === word);
  if (shell === undefined) {
    throw new UsageError(`Unknown shell "${word}": the shells are ${SHELLS.join(", ")}`, {
      word,
      known: SHELLS,
    });
  }
  if (extra !== undefined) {
    throw new UsageError(`"natpmp completions" takes one shell, but "${extra}" was given too`);
  }
  return shell;
}
