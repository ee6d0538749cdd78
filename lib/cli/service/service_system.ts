/** The command that a printed file is to start. */
export interface ServiceRequest {
  /** The words that start this program, all paths absolute. */
  readonly program: readonly string[];
  /** The absolute path of the configuration file. */
  readonly config: string;
  /** Absolute paths of the port files that the configuration names, as far as it could be read. */
  readonly portFiles?: readonly string[];
}

/** A file as it is to be written. */
export interface ServiceFile {
  /** Its name where it belongs. */
  readonly name: string;
  /** Its text, with the line break at its end. */
  readonly text: string;
}

/** A system that starts programs, and the form of its files. */
export interface ServiceSystem {
  /** Whether it starts the program every {@linkcode RENEWAL_MINUTES} rather than once. */
  readonly isPeriodic: boolean;
  /** The kind of paths that it understands. */
  readonly paths: "Unix" | "Windows";
  /** Whether what it starts may write to nothing but what its file names. */
  readonly isSandboxed: boolean;
  /** Says what to do with the printed files, in one sentence without its full stop. */
  readonly nextStep: string;
  /**
   * Writes its files.
   *
   * @throws {UsageError} If a path has characters that the format has no way to write.
   */
  files(request: ServiceRequest): readonly ServiceFile[];
}

/** The time from one renewal to the next where a system starts the program periodically. */
export const RENEWAL_MINUTES = 15;

/** The command that keeps mappings as long as it runs. */
export function watchCommand({ program, config }: ServiceRequest): readonly string[] {
  return [...program, "watch", "--config", config];
}

/** The command that renews what is due, and prints only news. */
export function renewCommand({ program, config }: ServiceRequest): readonly string[] {
  return [...program, "map", "--config", config, "--if-due", "--quiet"];
}
