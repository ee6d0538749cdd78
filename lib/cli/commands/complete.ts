import { type Answer, answerBash, answerFish, answerZsh } from "../completions/answers.ts";
import type { OfferedWord, OfferSources } from "../completions/offers.ts";
import { COMMANDS, type Shell, SHELLS } from "../option_table.ts";
import type { World } from "../world.ts";

const ANSWERERS: Readonly<
  Record<Shell, (args: readonly string[], sources: OfferSources) => Promise<Answer>>
> = { bash: answerBash, zsh: answerZsh, fish: answerFish };

/**
 * `natpmp __complete SHELL WORD…`: prints for a shell's completions what can be at the cursor. Somebody is typing: it
 * sends nothing, reports no error, and reads whatever it is given.
 */
export async function complete([name, ...args]: readonly string[], world: World): Promise<number> {
  const shell = SHELLS.find((shell) => shell === name);
  if (shell === undefined) return 1;
  try {
    const answer = await ANSWERERS[shell](args, { system: world, faults, topics });
    for (const line of answer) world.stdout.write(`${line}\n`);
    return 0;
  } catch {
    return 1;
  }
}

/** Each fault by name, with each of its values, or up to the value that only the user knows. */
async function faults(): Promise<readonly OfferedWord[]> {
  const { FAULTS } = await import("./simulate.ts");
  const words = FAULTS.flatMap(({ name, value, summary }) => {
    if (value === undefined) return [{ word: name, description: summary }];
    const values = value.includes("|") ? value.split("|") : [""];
    return values.map((text) => ({ word: `${name}=${text}`, description: summary }));
  });
  return [...words, { word: "help", description: "Lists the faults." }];
}

async function topics(): Promise<readonly OfferedWord[]> {
  const { pageTitles } = await import("../manual/pages.ts");
  return (await pageTitles())
    .filter(([topic]) => !Object.hasOwn(COMMANDS, topic))
    .map(([word, description]) => ({ word, description }));
}
