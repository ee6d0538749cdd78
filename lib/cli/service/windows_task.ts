import { UsageError } from "../usage_error.ts";
import { RENEWAL_MINUTES, renewCommand, type ServiceSystem } from "./service_system.ts";
import { xmlText } from "./xml_text.ts";

const NAME = "natpmp.xml";

/**
 * A task for Windows' Task Scheduler ([MS-TSCH] 2.5), which renews what is due.
 *
 * `schtasks` reads UTF-16, or one byte a character in the encoding of the machine; it refuses a declared UTF-8 and its
 * byte order mark. ASCII with no encoding declared is right by all of them, whatever a shell makes of it on its way
 * into the file.
 */
export const windowsTask: ServiceSystem = {
  isPeriodic: true,
  paths: "Windows",
  isSandboxed: false,
  nextStep: `Write it to ${NAME}, then as administrator: schtasks /create /tn natpmp /xml ${NAME}`,
  files(request) {
    const words = renewCommand(request);
    for (const word of words) refuseVariables(word);
    const [program = "", ...args] = words;
    return [{
      name: NAME,
      text: `<?xml version="1.0"?>
<!-- Import as administrator: schtasks /create /tn natpmp /xml ${NAME} -->
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>Renews the port mappings on the router that are due (natpmp).</Description>
  </RegistrationInfo>
  <Triggers>
    <TimeTrigger>
      <Repetition>
        <Interval>PT${RENEWAL_MINUTES}M</Interval>
      </Repetition>
      <StartBoundary>2000-01-01T00:00:00</StartBoundary>
      <Enabled>true</Enabled>
    </TimeTrigger>
  </Triggers>
  <Principals>
    <!-- LOCAL SERVICE needs no password, nobody has to be logged on, and it has few rights. Allow it to read the
         program and the configuration. It remembers leases in its own profile. -->
    <Principal id="Author">
      <UserId>S-1-5-19</UserId>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <Enabled>true</Enabled>
    <ExecutionTimeLimit>PT10M</ExecutionTimeLimit>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>${taskText(program)}</Command>
      <Arguments>${taskText(args.map(windowsArgument).join(" "))}</Arguments>
    </Exec>
  </Actions>
</Task>
`,
    }];
  },
};

function taskText(text: string): string {
  return xmlText(text, { what: "a task", isAscii: true });
}

/** Task Scheduler puts values in the place of environment variables, and nothing keeps it from that. */
function refuseVariables(word: string): void {
  const [variable] = /%[^%\\/]+%/.exec(word) ?? [];
  if (variable !== undefined) {
    throw new UsageError(
      `Cannot write "${word}" into a task: Task Scheduler reads ${variable} as an environment variable, and a task cannot escape it`,
    );
  }
}

/** Quotes an argument as programs take their command line apart on Windows (`CommandLineToArgvW`). */
function windowsArgument(word: string): string {
  if (/^[^\s"]+$/.test(word)) return word;
  return `"${word.replace(/(\\*)"/g, '$1$1\\"').replace(/\\+$/, "$&$&")}"`;
}
