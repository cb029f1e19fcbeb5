// Icons as strokes on a grid of 16, and the state of a step or execution as an icon with its word.
import { stateClass } from "../lib/format.js";
import { html } from "../lib/html.js";

const SHAPES = {
  waiting: ["M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 1 1 0-11", "M8 5.2V8l1.8 1.2"],
  running: ["M13.5 8A5.5 5.5 0 1 1 8 2.5"],
  done: ["M3 8.5l3.2 3.2L13 4.8"],
  failed: ["M4.2 4.2l7.6 7.6M11.8 4.2l-7.6 7.6"],
  stopped: ["M4.5 4.5h7v7h-7z"],
  skipped: ["M4 4l4 4-4 4M9 4l4 4-4 4"],
  play: ["M5 3.2l7.5 4.8L5 12.8z"],
  pause: ["M5.5 3.5v9M10.5 3.5v9"],
  again: ["M3 8a5 5 0 1 0 1.6-3.7", "M3 2.6v2.6h2.6"],
  download: ["M8 2.5v7.5M4.8 7L8 10.2 11.2 7M3 13.3h10"],
  upload: ["M8 10V2.5M4.8 5.5L8 2.3l3.2 3.2M3 13.3h10"],
  sun: ["M8 5.2a2.8 2.8 0 1 1 0 5.6a2.8 2.8 0 1 1 0-5.6", "M8 1.4v1.2M8 13.4v1.2M1.4 8h1.2M13.4 8h1.2M3.3 3.3l.9.9M11.8 11.8l.9.9M12.7 3.3l-.9.9M4.2 11.8l-.9.9"],
  moon: ["M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8z"],
  key: ["M10.2 2.8a3 3 0 1 1 0 6a3 3 0 1 1 0-6", "M8 8l-5 5M4.6 11.4l1.8 1.8"],
  warning: ["M8 2.4l6 10.8H2z", "M8 6.5v3M8 11.4v.1"],
  close: ["M4 4l8 8M12 4l-8 8"],
  plus: ["M8 3.5v9M3.5 8h9"],
  minus: ["M3.5 8h9"],
  fit: ["M2.8 6V2.8H6M10 2.8h3.2V6M13.2 10v3.2H10M6 13.2H2.8V10"],
  right: ["M6 3.5L10.5 8 6 12.5"],
  live: ["M8 6.6a1.4 1.4 0 1 1 0 2.8a1.4 1.4 0 1 1 0-2.8", "M4.6 11.4a4.8 4.8 0 0 1 0-6.8M11.4 4.6a4.8 4.8 0 0 1 0 6.8"],
  offline: ["M3 3l10 10", "M4.6 11.4a4.8 4.8 0 0 1-.6-6M11.4 4.6a4.8 4.8 0 0 1 .6 6"],
  copy: ["M5.5 5.5h7.5V13H5.5z", "M10.5 3H3v7.5"],
};

export const icon = (name, className = "") => html`
  <svg class=${`icon ${className}`} viewBox="0 0 16 16" aria-hidden="true">
    ${SHAPES[name].map((d) => html`<path d=${d} class=${name === "running" ? "spins" : null} />`)}
  </svg>`;

export const stateIcon = (state) => icon(stateClass(state));

/** The shapes of a state for a drawing that is SVG itself. */
export const stateShapes = (state) => SHAPES[stateClass(state)];

/** A state with its icon and its word, as color alone does not reach everyone. */
export const stateBadge = (state) => html`
  <span class=${`state is-${stateClass(state)}`}>${stateIcon(state)}${state}</span>`;
