/**
 * The line of a crontab that renews what a configuration file lists, in a world of its own.
 *
 * @module
 */

import { TestWorld, type TestWorldOptions } from "./test_world.ts";

/** Where its configuration is. */
export const CONFIG_PATH = "/etc/natpmp.json";
const MINUTE_MS = 60_000;

/** A cron line and its configuration file, in a world of their own. */
export class CronLine {
  readonly world: TestWorld;

  constructor(file: unknown, options: TestWorldOptions = {}) {
    this.world = new TestWorld(options);
    this.write(file);
  }

  write(file: unknown): void {
    this.world.fakeMachine.files.set(CONFIG_PATH, JSON.stringify(file));
  }

  /** Runs the line, and gives what cron would mail. */
  async run(...more: string[]): Promise<{ exitCode: number; mail: string }> {
    const { world } = this;
    const before = [world.stdout.text.length, world.stderr.text.length] as const;
    const { exitCode } = await world.run("map", "--config", CONFIG_PATH, "--if-due", "--quiet", ...more);
    return { exitCode, mail: world.stdout.text.slice(before[0]) + world.stderr.text.slice(before[1]) };
  }

  /** Runs it again after a quarter of an hour. */
  async next(): Promise<{ exitCode: number; mail: string }> {
    await this.world.clock.advance(15 * MINUTE_MS);
    return await this.run();
  }

  /** What the hooks were started for, and with which port. */
  get hooks(): string[] {
    return this.world.fakeMachine.hooks.map(({ command, environment }) =>
      `${command} ${environment.NATPMP_EVENT} ${environment.NATPMP_EXTERNAL_PORT}`
    );
  }
}
