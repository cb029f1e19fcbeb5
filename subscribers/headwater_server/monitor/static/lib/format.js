// Numbers, times and states as short strings for people.

const COUNT = new Intl.NumberFormat("en-US");
const UNITS = ["", "k", "M", "G", "T"];

export const count = (value) => (value == null ? "" : COUNT.format(value));

/** A count in at most five characters, such as 12.3k. */
export function shortCount(value) {
  if (value == null) return "";
  let unit = 0;
  while (Math.abs(value) >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || Math.abs(value) >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)}${UNITS[unit]}`;
}

export function rate(perS) {
  if (perS == null) return "";
  return `${perS >= 100 || perS === 0 ? shortCount(Math.round(perS)) : perS.toPrecision(2).replace(/\.0$/, "")}/s`;
}

export function duration(seconds) {
  if (seconds == null || !Number.isFinite(seconds)) return "";
  if (seconds < 0.0995) return `${(seconds * 1000).toFixed(seconds < 0.00995 ? 1 : 0)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(seconds < 9.995 ? 2 : 1)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours} h ${two(minutes)} min` : `${minutes} min ${two(rest)} s`;
}

/** A moment relative to the start of an execution, such as +1.250 s. */
export const offset = (seconds) => `+${seconds.toFixed(3)} s`;

export const percent = (share) => (share == null ? "" : `${Math.round(share * 100)} %`);

export function clock(iso) {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? "" : time.toLocaleTimeString("en-GB");
}

export function day(iso) {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return "";
  const today = new Date().toDateString() === time.toDateString();
  return today ? "today" : time.toLocaleDateString("en-CA");
}

export const shortId = (id) => (id.length > 13 ? `${id.slice(0, 12)}…` : id);

const STATES = { completed: "done", cancelled: "stopped", "not started": "waiting", starting: "waiting" };

/** The state of an execution or step under the name that its style has. */
export const stateClass = (state) => STATES[state] ?? state;

/** A value as one line of JSON, cut after some characters. */
export function line(value, length = 160) {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "";
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}
