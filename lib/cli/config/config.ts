import type { OptionName } from "../option_table.ts";
import type { MappingSpec } from "../specs.ts";

/** The content of a configuration file, known to make sense. */
export interface Config {
  /** The absolute path, by which the state file knows it. */
  readonly path: string;
  /** The options that have a value, each as the command line would have it; `port-file` is absolute. */
  readonly values: Readonly<Partial<Record<OptionName, string>>>;
  /** The flags that are set. */
  readonly flags: ReadonlySet<OptionName>;
  /** Whether the file has a list of mappings, which may be empty. */
  readonly listsMappings: boolean;
  readonly mappings: readonly ConfigMapping[];
}

/** A mapping of a configuration file. Fields that it leaves out are as for the whole file. */
export interface ConfigMapping extends MappingSpec {
  /** Its name for people. */
  readonly name?: string;
  /** Whether it names its protocol. Without one it is TCP, unless the command line names another. */
  readonly namesProtocol: boolean;
  readonly lifetimeSeconds?: number;
  readonly exact?: boolean;
  readonly anyPort?: boolean;
  /** The hook of this mapping. */
  readonly exec?: string;
  /** The absolute path of the file that is to hold its external ports. */
  readonly portFile?: string;
}
