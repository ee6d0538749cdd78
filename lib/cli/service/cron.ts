import { UsageError } from "../usage_error.ts";
import { RENEWAL_MINUTES, renewCommand, type ServiceSystem } from "./service_system.ts";

/** The longest command that Debian's cron takes, which has the shortest limit of those in use (MAX_COMMAND, less its end). */
const MAX_COMMAND_BYTES = 998;

const COMMENT = `# natpmp: renews the port mappings that are due. It prints, and cron mails, only news.
# This is a line for "crontab -e". In /etc/cron.d a line names the user, such as root, before the command.
`;

/** A line of a crontab. */
export const cron: ServiceSystem = {
  isPeriodic: true,
  paths: "Unix",
  isSandboxed: false,
  nextStep: 'Add the line with "crontab -e", or to a file in /etc/cron.d with the user before the command',
  files(request) {
    const command = renewCommand(request).map(cronWord).join(" ");
    const { length } = new TextEncoder().encode(command);
    if (length > MAX_COMMAND_BYTES) {
      throw new UsageError(
        `Cannot write a crontab line of ${length} bytes: cron takes a command of at most ${MAX_COMMAND_BYTES}; use shorter paths`,
      );
    }
    return [{ name: "crontab", text: `${COMMENT}*/${RENEWAL_MINUTES} * * * * ${command}\n` }];
  },
};

/**
 * Quotes a word for the shell that cron starts, after cron has changed the line.
 *
 * Cron turns `%` into a line break unless there is a backslash before it, which it takes away; busybox's does neither.
 * A backslash outside of quotes suits both, as the shell takes away what cron did not. Some crons also make one of two
 * backslashes, so no two of them ever meet.
 */
function cronWord(word: string): string {
  if (/\p{Cc}/u.test(word)) {
    throw new UsageError(
      `Cannot write "${word}" into a crontab: a crontab line cannot hold a line break or another control character`,
    );
  }
  if (/^[\w/.,:@+=-]+$/.test(word)) return word;
  return word.replace(
    /['%]|\\|[^'%\\]+/g,
    (part) => part === "'" || part === "%" ? `\\${part}` : `'${part}'`,
  );
}
