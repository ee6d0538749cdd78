/**
 * A session at a shell, as a block of code shows it: command lines behind `$ `, each with what it prints.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { failureError } from "../../../lib/gateway/failure.ts";
import { TestWorld, type TestWorldOptions } from "../../support/test_world.ts";
import { commandsOf } from "./command_lines.ts";

/** A command line and what the terminal shows below it. */
export interface Exchange {
  readonly commandLine: string;
  readonly printed: string;
}

/** The options of a block: those of a test world, with the failure to find a gateway in words of JSON. */
export type SessionOptions = Omit<TestWorldOptions, "noGateway"> & {
  readonly noGateway?: Parameters<typeof failureError>[0];
};

/** The router of the examples is 1.4 ms away. */
const CONDITIONS = { latencyMs: 1.4 };

/** The command lines of a session. A line that ends with a backslash goes on in the next. */
export function exchangesOf(session: string): Exchange[] {
  const [before, ...exchanges] = session.split(/^\$ /m);
  if (before !== "") throw new Error(`A session begins with "$ ", not with ${before}`);
  return exchanges.map((exchange) => {
    const [, commandLine = "", printed = ""] = /^((?:.*\\\n)*.*)(?:\n|$)([^]*)$/.exec(exchange) ?? [];
    return { commandLine, printed: printed === "" || printed.endsWith("\n") ? printed : `${printed}\n` };
  });
}

/**
 * Runs a session in a world of its own, and compares what it prints: both streams as they are written. Besides natpmp
 * it knows `echo $?`; `cat FILE`, which shows a file, or makes the one that is not there yet; and `sleep SECONDS`.
 *
 * @param info The options of the world as JSON, or nothing.
 */
export async function runSession(session: string, info = ""): Promise<void> {
  const { conditions, noGateway, ...options }: SessionOptions = info === "" ? {} : JSON.parse(info);
  const world = new TestWorld({
    ...options,
    conditions: { ...CONDITIONS, ...conditions },
    ...(noGateway === undefined ? {} : { noGateway: failureError(noGateway) }),
  });
  let exitCode = 0;
  const run = async (words: readonly string[]): Promise<string> => {
    const before = world.written.length;
    exitCode = (await world.run(...words)).exitCode;
    return world.written.slice(before).join("");
  };
  for (const { commandLine, printed } of exchangesOf(session)) {
    const [[program, ...words] = []] = commandsOf(commandLine);
    if (program === "natpmp") {
      assertEquals(await run(words), printed, commandLine);
    } else if (commandLine === "echo $?") {
      assertEquals(`${exitCode}\n`, printed, commandLine);
    } else if (program === "cat" && words.length === 1) {
      const { files } = world.fakeMachine;
      if (!files.has(words[0]!)) files.set(words[0]!, printed);
      assertEquals(files.get(words[0]!), printed, commandLine);
    } else if (program === "sleep" && words.length === 1) {
      assertEquals(printed, "", commandLine);
      await world.clock.advance(Number(words[0]) * 1000);
    } else {
      throw new Error(`A session has natpmp, echo $?, cat FILE and sleep SECONDS, not: ${commandLine}`);
    }
  }
}
