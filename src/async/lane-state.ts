/** Who is in and who waits. Immutable. */
export interface LanesState {
  /** How many may be in the ordinary lane. At least 1. */
  readonly limit: number;
  /** How many may be in the lane beside it, which only urgent ones use. */
  readonly reserved: number;
  readonly active: Readonly<Record<Lane, number>>;
  readonly waiting: Readonly<Record<Urgency, number>>;
}

export type Lane = "ordinary" | "reserved";
export type Urgency = "urgent" | "ordinary";

export type LanesEvent =
  | { readonly type: "asked"; readonly as: Urgency }
  | { readonly type: "gave-up"; readonly as: Urgency }
  | { readonly type: "left"; readonly lane: Lane }
  /** Lowering the limit takes nothing away; it only lets fewer in. */
  | { readonly type: "resized"; readonly limit: number };

/** One who may go in now: the first that waits, of this urgency. */
export interface Admission {
  readonly as: Urgency;
  readonly lane: Lane;
}

/** Lanes that nobody is in. */
export function emptyLanes({
  limit,
  reserved = 0,
}: {
  readonly limit: number;
  readonly reserved?: number;
}): LanesState {
  return {
    limit: Math.max(1, limit),
    reserved,
    active: { ordinary: 0, reserved: 0 },
    waiting: { urgent: 0, ordinary: 0 },
  };
}

/** The state after `event`, and who goes in by it, in order: urgent ones first. Nobody waits while there is room for them. */
export function stepLanes(state: LanesState, event: LanesEvent): readonly [LanesState, readonly Admission[]] {
  const admissions: Admission[] = [];
  let next = changed(state, event);
  for (let admission = nextOne(next); admission; admission = nextOne(next)) {
    admissions.push(admission);
    next = admitted(next, admission);
  }
  return [next, admissions];
}

// Written out, here and below: V8 makes objects with computed keys slowly, and those of a spread with a value in its place,
// and these are made several times for each request.

function changed({ limit, reserved, active, waiting }: LanesState, event: LanesEvent): LanesState {
  switch (event.type) {
    case "asked":
      return { limit, reserved, active, waiting: waitingMore(waiting, event.as, 1) };
    case "gave-up":
      return { limit, reserved, active, waiting: waitingMore(waiting, event.as, -1) };
    case "left":
      return { limit, reserved, active: activeMore(active, event.lane, -1), waiting };
    default:
      return { limit: Math.max(1, event.limit), reserved, active, waiting };
  }
}

function nextOne({ limit, reserved, active, waiting }: LanesState): Admission | undefined {
  const hasRoom = active.ordinary < limit;
  if (waiting.urgent > 0 && active.reserved < reserved) return { as: "urgent", lane: "reserved" };
  if (waiting.urgent > 0 && hasRoom) return { as: "urgent", lane: "ordinary" };
  return waiting.ordinary > 0 && hasRoom ? { as: "ordinary", lane: "ordinary" } : undefined;
}

function admitted({ limit, reserved, active, waiting }: LanesState, { as, lane }: Admission): LanesState {
  return { limit, reserved, active: activeMore(active, lane, 1), waiting: waitingMore(waiting, as, -1) };
}

function activeMore({ ordinary, reserved }: LanesState["active"], lane: Lane, by: number): LanesState["active"] {
  return lane === "ordinary"
    ? { ordinary: Math.max(0, ordinary + by), reserved }
    : { ordinary, reserved: Math.max(0, reserved + by) };
}

function waitingMore({ urgent, ordinary }: LanesState["waiting"], as: Urgency, by: number): LanesState["waiting"] {
  return as === "ordinary"
    ? { urgent, ordinary: Math.max(0, ordinary + by) }
    : { urgent: Math.max(0, urgent + by), ordinary };
}
