import type { StoredTime } from "../../lease/stored_time.ts";
import type { MappingKey, Via } from "../../port_mapper.ts";
import type { CommandLine } from "../args.ts";
import { type Failure, failureOf } from "../failure.ts";
import type { FieldsOf, WATCH_FIELDS } from "../result_fields.ts";
import { closingText, leaseFields, leaseLine, leaseWarning } from "./lease_report.ts";
import { mappingNames, type MappingNamesOptions } from "../mapping_names.ts";
import { addressWarning } from "../address_warning.ts";
import { formatTime } from "../output.ts";
import { asRange } from "../specs.ts";
import type { SpecFinder } from "../wanted.ts";
import { mappingOf, viaOf } from "./hook_environment.ts";
import type { HookFailure } from "./hook_runner.ts";
import { WATCH_EVENTS, type WatchEvent } from "./watch_events.ts";

/** How an event is printed. */
export interface WatchReport {
  /** For people, without the time. */
  readonly line: string;
  /** Of what kind the line is: a result, or what went wrong. */
  readonly level: "result" | "warning" | "error";
  /** For `--json`, an object a line. */
  readonly json: readonly FieldsOf<typeof WATCH_FIELDS>[];
  /** Whether it is printed with `--quiet`: a change or a failure. */
  readonly isNews: boolean;
}

/** The facts about the command that hints need. */
export interface WatchedCommand {
  readonly line?: CommandLine;
  /** The spec that a mapping belongs to. */
  readonly specOf?: SpecFinder;
}

/** Puts an event into words and into the objects of NDJSON. */
export function reportOf(event: WatchEvent, now: StoredTime, command: WatchedCommand = {}): WatchReport {
  const head = {
    event: event.type,
    time: formatTime(event.time),
    ...("gateway" in event && event.gateway ? { gateway: event.gateway } : {}),
  };
  return {
    line: lineOf(event, command),
    level: event.type === "error" || event.type === "hook-failed" ? "error" : "result",
    json: fieldsOf(event, now, command).map((fields) => ({ ...head, ...fields })),
    isNews: !WATCH_EVENTS[event.type].isRoutine,
  };
}

/** A warning that an event gives rise to. */
export function warningOf(event: WatchEvent): string | undefined {
  if (event.type === "mapped") return leaseWarning(event.lease);
  return event.type === "address" ? addressWarning(event.externalAddress) : undefined;
}

function lineOf(event: WatchEvent, command: WatchedCommand): string {
  switch (event.type) {
    case "started":
      return event.mappings.length === 0
        ? "started"
        : `started: ${mappingNames(event.mappings, rangesOf(command))}`;
    case "mapped":
    case "renewed":
      return `${event.type} ${leaseLine(event.lease, event.externalAddress)}`;
    case "changed": {
      const { lease, externalAddress, previousExternalPort, previousExternalAddress } = event;
      const port = previousExternalPort ?? lease.externalPort;
      const was = previousExternalAddress === undefined ? port : `${previousExternalAddress}:${port}`;
      return `changed ${leaseLine(lease, externalAddress)} (was ${was})`;
    }
    case "expired":
    case "unmapped":
      return `${event.type} ${event.mapping.protocol} ${event.previousExternalPort} -> ${event.mapping.internalPort}` +
        closingText(event.closesInSeconds);
    case "address": {
      const { externalAddress, previousExternalAddress: was } = event;
      return `address ${externalAddress}${was === undefined ? "" : ` (was ${was})`}`;
    }
    case "state-lost":
      return `state-lost: ${event.gateway} forgot its mappings`;
    case "announcement":
      return `announcement from ${event.gateway}`;
    case "gateway-silent":
      return `gateway-silent: ${failureOf(event.error, command).message}`;
    case "gateway-back":
      return `gateway-back: ${event.gateway} answers again`;
    case "gateway-changed": {
      const was = event.previousGateway;
      return `gateway-changed: ${event.gateway}${
        was === undefined || was === event.gateway ? "" : ` (was ${was})`
      }`;
    }
    case "error": {
      const names = event.mappings.length === 0 ? "" : `${mappingNames(event.mappings, rangesOf(command))}: `;
      return names + failureOfEvent(event, command).message;
    }
    case "hook-failed":
      return `hook-failed: ${hookMessage(event)}`;
    case "stopped":
      return "stopped";
  }
}

/** One set of fields for each object of NDJSON. */
function fieldsOf(
  event: WatchEvent,
  now: StoredTime,
  command: WatchedCommand,
): FieldsOf<typeof WATCH_FIELDS>[] {
  switch (event.type) {
    case "mapped":
    case "renewed":
    case "changed": {
      const { type: _, gateway: _gateway, time: _time, lease, ...addresses } = event;
      return [{ ...keyOf(lease), ...leaseFields(lease, now), ...addresses, ...warningFields(event) }];
    }
    case "expired":
    case "unmapped":
      return [{
        ...keyOf(event.mapping),
        ...viaField(event.via),
        previousExternalPort: event.previousExternalPort,
        ...(event.closesInSeconds === undefined ? {} : { closesInSeconds: event.closesInSeconds }),
      }];
    case "address": {
      const { externalAddress, previousExternalAddress } = event;
      return [{
        externalAddress,
        ...(previousExternalAddress === undefined ? {} : { previousExternalAddress }),
        ...warningFields(event),
      }];
    }
    case "gateway-changed":
      return [event.previousGateway === undefined ? {} : { previousGateway: event.previousGateway }];
    case "gateway-silent":
      return [errorFields(failureOf(event.error, command))];
    case "error": {
      const error = errorFields(failureOfEvent(event, command));
      const mappings = event.mappings.map(keyOf);
      return (mappings.length === 0 ? [{}] : mappings).map((mapping) => ({ ...mapping, ...error }));
    }
    case "hook-failed": {
      const { gateway } = event.event;
      const error = { kind: "failure", message: hookMessage(event) };
      return [event.event, ...event.others ?? []].map((about) => {
        const mapping = mappingOf(about);
        return {
          gateway,
          ...(mapping === undefined ? {} : { ...keyOf(mapping), ...viaField(viaOf(about)) }),
          error,
        };
      });
    }
    case "started":
      return [
        event.warnings === undefined || event.warnings.length === 0 ? {} : { warnings: event.warnings },
      ];
    case "stopped":
    case "state-lost":
    case "announcement":
    case "gateway-back":
      return [{}];
  }
}

function warningFields(event: WatchEvent): FieldsOf<typeof WATCH_FIELDS> {
  const warning = warningOf(event);
  return warning === undefined ? {} : { warnings: [warning] };
}

function errorFields({ via, json: error }: Failure): FieldsOf<typeof WATCH_FIELDS> {
  return { ...viaField(via), error };
}

function viaField(via: Via | undefined): FieldsOf<typeof WATCH_FIELDS> {
  return via === undefined ? {} : { via };
}

/** Which mappings are named together. */
function rangesOf({ specOf }: WatchedCommand): MappingNamesOptions {
  return { rangeOf: (mapping) => asRange(specOf?.(mapping)) };
}

function failureOfEvent(
  { error, mappings }: Extract<WatchEvent, { type: "error" }>,
  { line, specOf }: WatchedCommand,
): Failure {
  const specs = new Set(mappings.flatMap((mapping) => specOf?.(mapping) ?? []));
  return failureOf(error, { line, specs: [...specs] });
}

function keyOf({ protocol, internalPort }: MappingKey): MappingKey {
  return { protocol, internalPort };
}

/**
 * A hook's failure in words.
 *
 * @returns One line.
 */
export function hookMessage({ event, others = [], reason }: HookFailure): string {
  const mappings = [event, ...others].flatMap((event) => mappingOf(event) ?? []);
  const names = mappingNames(mappings, { rangeOf: () => mappings });
  return `The hook for ${[event.type, names].filter((word) => word !== "").join(" ")} ${reason}`;
}
