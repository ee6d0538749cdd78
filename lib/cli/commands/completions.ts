import type { CommandContext } from "../command.ts";
import { bashCompletions } from "../completions/bash.ts";
import { type CompletionTable, completionTable } from "../completions/completion_table.ts";
import { fishCompletions } from "../completions/fish.ts";
import { zshCompletions } from "../completions/zsh.ts";
import { type Shell, SHELLS } from "../option_table.ts";
import { UsageError } from "../usage_error.ts";
import { FAULTS } from "./simulate.ts";

const MAKERS: Readonly<Record<Shell, (table: CompletionTable) => string>> = {
  bash: bashCompletions,
  zsh: zshCompletions,
  fish: fishCompletions,
};

/** `natpmp completions`: prints the completions of a shell, to be installed or sourced. */
export function completions({ line, output }: CommandContext): Promise<number> {
  const shell = readShell(line.operands);
  const script = MAKERS[shell](completionTable(FAULTS));
  output.file(script.trimEnd());
  output.json({ command: "completions", shell, script });
  return Promise.resolve(0);
}

function readShell([word, extra]: readonly string[]): Shell {
  if (word === undefined) throw new UsageError(`No shell is named: it is one of ${SHELLS.join(", ")}`);
  const shell = SHELLS.find((name) => name === word);
  if (shell === undefined) {
    throw new UsageError(`Unknown shell "${word}": it is one of ${SHELLS.join(", ")}`, {
      word,
      known: SHELLS,
    });
  }
  if (extra !== undefined) {
    throw new UsageError(`"natpmp completions" takes one shell, but "${extra}" was given too`);
  }
  return shell;
}
