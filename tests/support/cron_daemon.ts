/**
 * A real cron daemon on a host of a lab, with a crontab and a mailbox of its own: it sees the machine's files through
 * a mount namespace in which cron's own places are other ones.
 *
 * @module
 */

import type { BackgroundProcess } from "./background_process.ts";
import type { Namespace } from "./namespace.ts";

/** Options of {@linkcode CronDaemon.start}. */
export interface CronDaemonOptions {
  /** A directory of the test's own. */
  readonly directory: string;
  /** The lines of root's crontab. */
  readonly crontab: readonly string[];
}

/** Puts cron's places over those of the machine, for this process and its children alone, and becomes cron. */
const SCRIPT = `
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /var/spool/cron
mkdir -m 1730 /var/spool/cron/crontabs
install -m 600 "$0/crontab" /var/spool/cron/crontabs/root
mount -t tmpfs tmpfs /etc/cron.d
mount --bind "$0/empty" /etc/crontab
mount --bind "$0/pam" /etc/pam.d/cron
mount -t tmpfs tmpfs /run
mount --bind "$0/sbin" /usr/sbin
exec "$0/cron" -f
`;

/** What cron hands its mail to. */
const SENDMAIL = (mailbox: string) =>
  `#!/bin/sh
cat > "${mailbox}/.new.$$" && mv "${mailbox}/.new.$$" "${mailbox}/$(date +%s%N)"
`;

/** A running cron. */
export class CronDaemon implements AsyncDisposable {
  readonly #process: BackgroundProcess;
  readonly #mailbox: string;

  private constructor(process: BackgroundProcess, mailbox: string) {
    this.#process = process;
    this.#mailbox = mailbox;
  }

  /** Starts cron on a host. */
  static async start(host: Namespace, options: CronDaemonOptions): Promise<CronDaemon> {
    const directory = `${options.directory}/cron`;
    const mailbox = `${directory}/mail`;
    await Deno.mkdir(`${directory}/sbin`, { recursive: true });
    await Deno.mkdir(mailbox);
    await Deno.copyFile("/usr/sbin/cron", `${directory}/cron`);
    await Deno.writeTextFile(`${directory}/sbin/sendmail`, SENDMAIL(mailbox), { mode: 0o755 });
    await Deno.writeTextFile(`${directory}/empty`, "");
    // A sandbox has no audit, which Debian's own rules for cron insist on.
    const pam = ["auth", "account", "session"].map((type) => `${type} required pam_permit.so\n`).join("");
    await Deno.writeTextFile(`${directory}/pam`, pam);
    await Deno.writeTextFile(`${directory}/crontab`, options.crontab.map((line) => `${line}\n`).join(""));
    const process = host.spawn(["unshare", "--mount", "sh", "-c", SCRIPT, directory]);
    return new CronDaemon(process, mailbox);
  }

  /** The bodies of the mails so far, in order. */
  async mails(): Promise<string[]> {
    const names: string[] = [];
    for await (const { name } of Deno.readDir(this.#mailbox)) if (!name.startsWith(".")) names.push(name);
    const texts = await Promise.all(
      names.sort().map((name) => Deno.readTextFile(`${this.#mailbox}/${name}`)),
    );
    return texts.map((text) => text.slice(text.indexOf("\n\n") + 2));
  }

  /** What cron itself wrote. */
  get log(): readonly string[] {
    return this.#process.lines;
  }

  /** Ends cron. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
  }
}
