import { UsageError } from "../usage_error.ts";
import { escapeQuoted } from "./systemd_command.ts";

const RIGHTS =
  `# The service runs as root, so that it can read the configuration anywhere, and shares the state with
# "sudo natpmp status" and "sudo natpmp map" (/var/lib/natpmp/leases.json). It keeps only one of root's rights: to read
# and write files of other users. It may write only the state and the directories that ReadWritePaths= names, those of
# the port files. Commands of the configuration ("exec") have the same limits; "systemctl edit" gives them more rights.
StateDirectory=natpmp
StateDirectoryMode=0700
`;

/** `/run` is empty at each boot. */
const RUNTIME = `RuntimeDirectory=natpmp
RuntimeDirectoryPreserve=yes
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

/** Directories with the data of other programs: a process that can write there controls those programs. */
const SHARED = /^\/(etc|home|opt|root|run|var|var\/(cache|lib|log|run|spool))?$/;

/** Directories of programs, of the kernel, and of what is started by itself, with all that is in them. */
const SYSTEM =
  /^\/(bin|boot|dev|lib(32|64|x32)?|proc|sbin|sys|usr|etc\/systemd|etc\/[^/]*\.d|run\/systemd)(\/|$)/;

/**
 * The settings of a service that limit what it may do. It has to replace the port files, whose paths are absolute.
 *
 * @throws {UsageError} If a path has control characters, or is in a directory of the system's.
 */
export function systemdSandbox(portFiles: readonly string[]): string {
  const directories = new Set(portFiles.map(directoryOf));
  const runtime = directories.has("/run/natpmp") ? RUNTIME : "";
  return RIGHTS + runtime + [...directories].map(readWritePath).join("") + WALLS;
}

/** The port file takes the place of another one, so it is its directory that has to be written. */
function directoryOf(path: string): string {
  const directory = path.slice(0, path.lastIndexOf("/")) || "/";
  if (!SHARED.test(directory) && !SYSTEM.test(directory)) return directory;
  throw new UsageError(
    `Cannot let the service write all of ${directory} for the port file ${path}: ` +
      "keep it in a directory of its own, such as /run/natpmp",
  );
}

/** The minus sign allows a directory that is not there. */
function readWritePath(directory: string): string {
  if (/\p{Cc}/u.test(directory)) {
    throw new UsageError(
      `Cannot write "${directory}" into a unit: ReadWritePaths= cannot hold a line break or another control character`,
    );
  }
  return `ReadWritePaths="-${escapeQuoted(directory)}"\n`;
}
