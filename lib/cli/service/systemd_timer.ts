import { RENEWAL_MINUTES, renewCommand, type ServiceSystem } from "./service_system.ts";
import { systemdCommand } from "./systemd_command.ts";
import { systemdSandbox } from "./systemd_sandbox.ts";

// Not natpmp.service, which is the unit that keeps `watch` running.
const SERVICE = "natpmp-renew.service";
const TIMER = "natpmp-renew.timer";
const DIRECTORY = "/etc/systemd/system";

/** A service of systemd that renews what is due, and the timer that starts it. */
export const systemdTimer: ServiceSystem = {
  isPeriodic: true,
  paths: "Unix",
  isSandboxed: true,
  nextStep: "Write each file to the path in its first line, then: " +
    `systemctl daemon-reload && systemctl enable --now ${TIMER}`,
  files: (request) => [{
    name: SERVICE,
    text: `# ${DIRECTORY}/${SERVICE}
[Unit]
Description=Renewal of port mappings on the router (natpmp)
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart=${systemdCommand(renewCommand(request))}
# A run that hangs must not keep the timer from starting the next one.
TimeoutStartSec=10min
${systemdSandbox(request.portFiles ?? [])}`,
  }, {
    name: TIMER,
    text: `# ${DIRECTORY}/${TIMER}
[Unit]
Description=Renewal of port mappings on the router every ${RENEWAL_MINUTES} minutes (natpmp)

[Timer]
OnCalendar=*:0/${RENEWAL_MINUTES}
# If the machine was off at the time of a run, the run starts after the boot.
Persistent=true

[Install]
WantedBy=timers.target
`,
  }],
};
