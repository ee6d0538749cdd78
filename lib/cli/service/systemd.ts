import { type ServiceSystem, watchCommand } from "./service_system.ts";
import { systemdCommand } from "./systemd_command.ts";
import { systemdSandbox } from "./systemd_sandbox.ts";

const NAME = "natpmp.service";
const PATH = `/etc/systemd/system/${NAME}`;

/** A unit of systemd that keeps `watch` running. */
export const systemd: ServiceSystem = {
  isPeriodic: false,
  paths: "Unix",
  isSandboxed: true,
  nextStep: `Write it to ${PATH}, then: systemctl daemon-reload && systemctl enable --now ${NAME}`,
  files: (request) => [{
    name: NAME,
    text: `# ${PATH}
[Unit]
Description=Port mappings on the router (natpmp)
Wants=network-online.target
After=network-online.target

[Service]
# Ready after the first mapping. The boot waits for that, but not longer than TimeoutStartSec=. If the router is silent
# for longer, systemd starts natpmp again.
Type=notify
ExecStart=${systemdCommand(watchCommand(request))}
WatchdogSec=60
Restart=on-failure
RestartSec=10
# natpmp deletes its mappings when it stops. A command that runs at that moment may finish.
KillMode=mixed
${systemdSandbox(request.portFiles ?? [])}
[Install]
WantedBy=multi-user.target
`,
  }],
};
