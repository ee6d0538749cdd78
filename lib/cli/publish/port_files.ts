import { type MappingKey, mappingName } from "../../port_mapper.ts";
import type { FileSystem } from "../../system/system.ts";
import type { RequestedMapping } from "../wanted.ts";
import { PortFile, type PortFileError } from "./port_file.ts";

/** A mapping that is held, and its port. */
export interface HeldPort extends MappingKey {
  readonly externalPort: number;
}

/** Options of {@linkcode PortFiles}. */
export interface PortFilesOptions {
  readonly files: Pick<FileSystem, "absolutePath" | "read" | "replace" | "clear">;
  /** A file that is there, or not, whether or not a mapping has it. */
  readonly path?: string | undefined;
}

/** The files of `--port-file`, each with the ports of those mappings that have it. */
export class PortFiles {
  /** By absolute path, in the order of the specs. */
  readonly #files = new Map<string, PortFile>();
  /** The name of each file in messages, by absolute path. */
  readonly #names = new Map<string, string>();
  /** The path of each mapping that has one, by the mapping's name. */
  readonly #paths = new Map<string, string>();
  readonly #fileSystem: PortFilesOptions["files"];
  /** The path of a mapping that is not among the wanted. */
  #otherwise: string | undefined;

  private constructor(files: PortFilesOptions["files"]) {
    this.#fileSystem = files;
  }

  /** Knows the files of these mappings; none is touched yet. */
  static async open(
    wanted: readonly RequestedMapping[],
    { files: fileSystem, path }: PortFilesOptions,
  ): Promise<PortFiles> {
    const files = new PortFiles(fileSystem);
    for (const { protocols, internalPort, portFile } of wanted) {
      if (portFile === undefined) continue;
      const absolute = await files.#add(portFile);
      for (const protocol of protocols) files.#paths.set(mappingName({ protocol, internalPort }), absolute);
    }
    if (path !== undefined) files.#otherwise = await files.#add(path);
    return files;
  }

  /** Whether it has no file to keep. */
  get isEmpty(): boolean {
    return this.#files.size === 0;
  }

  /**
   * Brings every file up to date, with the held ports in the order of the specs; one whose mappings hold nothing goes.
   * The next call tries again what failed.
   *
   * @returns An error for each file that could not be written; empty when all is well.
   */
  async hold(held: readonly HeldPort[]): Promise<readonly PortFileError[]> {
    const ports = this.#portsOf(held);
    return await this.#write(this.#files.keys().map((path) => [path, ports.get(path) ?? []]));
  }

  /**
   * Takes nothing for granted any more: the next call of {@linkcode PortFiles.hold} looks at each file that holds
   * ports.
   */
  distrust(held: readonly HeldPort[]): void {
    for (const path of this.#portsOf(held).keys()) {
      this.#files.set(path, new PortFile(this.#names.get(path)!, this.#fileSystem));
    }
  }

  /**
   * Writes those files whose mappings hold something, and removes those whose mappings held something and hold nothing
   * any more, and those that no mapping has any more; the others stay as they are.
   *
   * @returns An error for each file that could not be written; empty when all is well.
   */
  async add(
    held: readonly HeldPort[],
    over: readonly MappingKey[] = [],
    abandoned: readonly string[] = [],
  ): Promise<readonly PortFileError[]> {
    const left = [
      ...await Promise.all(abandoned.map((path) => this.#add(path))),
      ...over.flatMap((mapping) => this.#paths.get(mappingName(mapping)) ?? this.#otherwise ?? []),
    ];
    return await this.#write(
      new Map([...left.map((path) => [path, []] as const), ...this.#portsOf(held)]),
    );
  }

  async #write(
    contents: Iterable<readonly [path: string, ports: readonly number[]]>,
  ): Promise<PortFileError[]> {
    const failures: PortFileError[] = [];
    for (const [path, ports] of contents) {
      try {
        await this.#files.get(path)?.hold(ports);
      } catch (error) {
        failures.push(error as PortFileError);
      }
    }
    return failures;
  }

  #portsOf(held: readonly HeldPort[]): ReadonlyMap<string, readonly number[]> {
    return new Map(
      Map.groupBy(held, (mapping) => this.#paths.get(mappingName(mapping)))
        .entries()
        .flatMap(([path, held]) =>
          path === undefined ? [] : [[path, held.map(({ externalPort }) => externalPort)] as const]
        ),
    );
  }

  async #add(path: string): Promise<string> {
    const absolute = await this.#fileSystem.absolutePath(path);
    if (!this.#files.has(absolute)) {
      this.#names.set(absolute, path);
      this.#files.set(absolute, new PortFile(path, this.#fileSystem));
    }
    return absolute;
  }
}
