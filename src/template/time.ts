/** A moment as an RFC 3339 text writes it, kept in its own zone as Go does. */
export interface GoTime {
  /** `2006-01-02` */
  readonly date: string;
  /** `15:04:05` */
  readonly clock: string;
  /** `.123`, without final zeros; empty where there is none. */
  readonly fraction: string;
  /** `+02:00`; UTC is `+00:00`. */
  readonly offset: string;
}

const grammar = /^(\d{4}-(\d\d)-(\d\d))T((\d\d):(\d\d):(\d\d))(\.\d{1,9})?\d*(Z|[+-]\d\d:\d\d)$/;

/** Reads RFC 3339; `undefined` where it is anything else. */
export function parseTime(text: string): GoTime | undefined {
  const match = grammar.exec(text);
  if (!match || Number.isNaN(Date.parse(`${match[1]}T${match[4]}Z`))) return undefined;
  const [, date = "", , , clock = "", , , , fraction = "", zone = ""] = match;
  return { date, clock, fraction: fraction.replace(/\.?0+$/, ""), offset: zone === "Z" ? "+00:00" : zone };
}

/** As Go prints a time: `2024-05-01 10:00:00.5 +0000 UTC`. */
export function timeText(time: GoTime): string {
  const offset = time.offset.replace(":", "");
  return `${time.date} ${time.clock}${time.fraction} ${offset} ${offset === "+0000" ? "UTC" : offset}`;
}

/** As Go writes a time into JSON: RFC 3339 with as many decimals as needed. */
export function timeJson(time: GoTime): string {
  return `${time.date}T${time.clock}${time.fraction}${time.offset === "+00:00" ? "Z" : time.offset}`;
}

/** Whole seconds since the Unix epoch. */
export function timeUnix(time: GoTime): number {
  return Date.parse(`${time.date}T${time.clock}${time.offset === "+00:00" ? "Z" : time.offset}`) / 1000;
}

const months = "January February March April May June July August September October November December".split(" ");
const weekdays = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");
const layoutParts =
  /January|Jan|Monday|Mon|MST|2006|Z07:00|Z0700|-07:00|-0700|-07|01|02|_2|03|04|05|06|15|PM|pm|[.,]0+(?!\d)|[.,]9+(?!\d)|1|2|3|4|5/g;

/** `time` in the layout of Go's reference time, `Mon Jan 2 15:04:05 MST 2006`. */
export function formatTime(time: GoTime, layout: string): string {
  const parts = partsOf(time);
  return layout.replace(layoutParts, (part) => {
    if (/^[.,]0/.test(part))
      return (
        part.charAt(0) +
        time.fraction
          .slice(1)
          .padEnd(part.length - 1, "0")
          .slice(0, part.length - 1)
      );
    if (/^[.,]9/.test(part)) return (part.charAt(0) + time.fraction.slice(1, part.length)).replace(/[.,]?0*$/, "");
    return parts[part] ?? part;
  });
}

function partsOf(time: GoTime): Readonly<Record<string, string>> {
  return { ...dateParts(time), ...clockParts(time), ...zoneParts(time) };
}

function dateParts({ date }: GoTime): Record<string, string> {
  const [year = "", month = "", day = ""] = date.split("-");
  const monthName = months[Number(month) - 1] ?? "";
  const weekday = weekdays[new Date(`${date}T00:00:00Z`).getUTCDay()] ?? "";
  const dayNumber = String(Number(day));
  const ofYear = { "2006": year, "06": year.slice(2) };
  const ofMonth = { "01": month, "1": String(Number(month)), January: monthName, Jan: monthName.slice(0, 3) };
  return {
    ...ofYear,
    ...ofMonth,
    "02": day,
    "2": dayNumber,
    _2: dayNumber.padStart(2),
    Monday: weekday,
    Mon: weekday.slice(0, 3),
  };
}

function clockParts({ clock }: GoTime): Record<string, string> {
  const [hour = "", minute = "", second = ""] = clock.split(":");
  const twelve = String(Number(hour) % 12 || 12);
  const half = Number(hour) < 12 ? "AM" : "PM";
  const ofHour = { "15": hour, "03": twelve.padStart(2, "0"), "3": twelve, PM: half, pm: half.toLowerCase() };
  return { ...ofHour, "04": minute, "4": String(Number(minute)), "05": second, "5": String(Number(second)) };
}

function zoneParts({ offset }: GoTime): Record<string, string> {
  const compact = offset.replace(":", "");
  const utc = offset === "+00:00";
  const iso = { "Z07:00": utc ? "Z" : offset, Z0700: utc ? "Z" : compact };
  return { ...iso, "-07:00": offset, "-0700": compact, "-07": compact.slice(0, 3), MST: utc ? "UTC" : compact };
}
