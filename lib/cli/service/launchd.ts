import { type ServiceSystem, watchCommand } from "./service_system.ts";
import { xmlText } from "./xml_text.ts";

const LABEL = "natpmp";
const NAME = `${LABEL}.plist`;
const PATH = `/Library/LaunchDaemons/${NAME}`;

/** A property list for launchd, which keeps `watch` running. */
export const launchd: ServiceSystem = {
  isPeriodic: false,
  paths: "Unix",
  isSandboxed: false,
  nextStep: `Write it to ${PATH} as root, then: sudo launchctl bootstrap system ${PATH}`,
  files(request) {
    const words = watchCommand(request).map((word) =>
      `    <string>${xmlText(word, { what: "a property list" })}</string>\n`
    );
    return [{
      name: NAME,
      text: `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- ${PATH}: keeps port mappings on the router (natpmp) -->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${LABEL}</string>
  <key>ProgramArguments</key>
  <array>
${words.join("")}  </array>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <true/>
  <!-- without these files launchd throws the output away -->
  <key>StandardOutPath</key>
  <string>/var/log/natpmp.log</string>
  <key>StandardErrorPath</key>
  <string>/var/log/natpmp.log</string>
</dict>
</plist>
`,
    }];
  },
};
