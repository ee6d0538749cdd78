import { UsageError } from "../usage_error.ts";
import { escapeQuoted } from "./systemd_command.ts";

const RIGHTS =
  `# It is root, so that it reads the configuration wherever that is, and shares root's state with
# "sudo natpmp status" and "sudo natpmp map": /var/lib/natpmp/leases.json. But it is root with one power left, to pass
# over the owners of files, and the only files that it may write are the state and what ReadWritePaths= names: the
# directories of the port files. Commands of the configuration ("exec") run in here too; what they need more is added
# by "systemctl edit".
StateDirectory=natpmp
StateDirectoryMode=0700
`;

/** No MemoryDenyWriteExecute=: V8 compiles. No PrivateTmp=: configuration or port file may be in /tmp. */
const WALLS = `CapabilityBoundingSet=CAP_DAC_OVERRIDE
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
`;

/**
 * The settings of a service that say what it may do.
 *
 * @param portFiles Absolute paths of files that it is to replace.
 * @returns The lines.
 * @throws {UsageError} If a path has control characters.
 */
export function systemdSandbox(portFiles: readonly string[]): string {
  const directories = new Set(portFiles.map((path) => path.slice(0, path.lastIndexOf("/")) || "/"));
  return RIGHTS + [...directories].map(readWritePath).join("") + WALLS;
}

/** The minus sign allows a directory that is not there. */
function readWritePath(directory: string): string {
  if (/\p{Cc}/u.test(directory)) {
    throw new UsageError(
      `Cannot write "${directory}" into a unit: ReadWritePaths= has no way to write a line break or another control character`,
    );
  }
  return `ReadWritePaths="-${escapeQuoted(directory)}"\n`;
}
