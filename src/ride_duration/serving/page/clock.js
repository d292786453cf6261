/** Days and times of the New York wall clock, as texts: "2026-11-21" and "17:30". */

/** Twelve or 24 hours, as the reader's own clock. */
const { hourCycle } = new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions();
const HOUR = new Intl.DateTimeFormat("en-US", { hour: "numeric", minute: "2-digit", hourCycle, timeZone: "UTC" });
const FULL_HOUR = new Intl.DateTimeFormat("en-US", { hour: "numeric", hourCycle, timeZone: "UTC" });
const DAY = new Intl.DateTimeFormat("en-US", { weekday: "long", month: "long", day: "numeric", timeZone: "UTC" });
const NEW_YORK = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "short", timeZone: "America/New_York" });

/** Today and the time there. */
export function now() {
  const [date, time] = NEW_YORK.format(new Date()).split(" ");
  return { date, time };
}

/** Minutes after midnight. */
export function minuteOf(time) {
  const [hours, minutes] = time.split(":").map(Number);
  return hours * 60 + minutes;
}

/** The time so many minutes after midnight. */
export function timeOf(minute) {
  const within = ((Math.round(minute) % 1440) + 1440) % 1440;
  return [Math.floor(within / 60), within % 60].map((part) => String(part).padStart(2, "0")).join(":");
}

/** A time as people write it. */
export function spoken(minute) {
  return HOUR.format(new Date(Date.UTC(2000, 0, 1, 0, Math.round(minute))));
}

export function spokenHour(minute) {
  return FULL_HOUR.format(new Date(Date.UTC(2000, 0, 1, 0, minute)));
}

export function spokenDay(date) {
  return DAY.format(new Date(`${date}T00:00:00Z`));
}
