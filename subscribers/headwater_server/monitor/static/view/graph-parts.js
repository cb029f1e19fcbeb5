// A step and an edge of the graph. Each is drawn again only when one of its props has changed.
import { count, percent, rate, shortCount, stateClass } from "../lib/format.js";
import { html } from "../lib/html.js";
import { stateShapes } from "./icons.js";

const NAME_EM = 7.6;
const KIND_EM = 6.7;
const PADDING = 14;
const FULL = 0.8;

const mostCharacters = (width, em) => Math.max(Math.floor((width - PADDING - 4) / em), 3);

const cut = (text, width, em) => {
  const most = mostCharacters(width, em);
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
};

/** What a step says of itself in its second line: its counts once it has some, as many as fit, and its kind before. */
function secondLine(step, { kind, width }) {
  const written = step && (step.itemsOut ?? step.itemsIn);
  if (!step || step.state === "waiting" || written == null) return cut(kind, width, KIND_EM);
  const perS = step.state === "running" && step.pace.perS ? rate(step.pace.perS) : "";
  const differs = step.itemsIn && step.itemsOut != null && step.itemsIn !== step.itemsOut;
  const isSilent = differs && step.itemsOut === 0 && step.state === "running"; // many write at their end only
  const counts = isSilent ? `${shortCount(step.itemsIn)} read`
    : differs ? `${shortCount(step.itemsIn)} → ${shortCount(step.itemsOut)}` : shortCount(written);
  const most = mostCharacters(width, KIND_EM);
  return [`${counts} · ${perS}`, counts].find((line, index) => (perS || index) && line.length <= most) ?? shortCount(written);
}

function describe(node, step) {
  if (!step) return `${node.id} ${node.kind}`;
  const counts = [
    step.itemsIn != null && `${count(step.itemsIn)} in`,
    step.itemsOut != null && `${count(step.itemsOut)} out`,
    step.fraction != null && percent(step.fraction),
  ];
  // What is seen comes first, so that a reader who says it finds the step.
  return [`${node.id} ${secondLine(step, node)}`, step.state, ...counts].filter(Boolean).join(", ");
}

/** What is only drawn where it can be read. */
const details = (node, step, state) => html`
  ${step?.fraction != null && state === "running" && html`
    <rect class="done-part" x="4" y=${node.height - 3} width=${(node.width - 4) * step.fraction} height="3" rx="1.5" />`}
  <text class="name" x=${PADDING} y=${node.height / 2 - 4}>${cut(node.id, node.width, NAME_EM)}</text>${" "}
  <text class="kind" x=${PADDING} y=${node.height / 2 + 12}>${secondLine(step, node)}</text>
  ${step && state !== "waiting" && html`
    <g class="badge" transform=${`translate(${node.width - 8} -8)`}>
      <circle cx="8" cy="8" r="8.5" />
      <g class="badge-icon" transform="translate(2.4 2.4) scale(.7)">
        ${stateShapes(state).map((d) => html`<path d=${d} class=${state === "running" ? "spins" : null} />`)}
      </g>
    </g>`}`;

const pressable = ({ node, chosen, isTabStop, onChoose }) => ({
  role: "button",
  tabindex: isTabStop ? 0 : -1,
  "aria-pressed": String(chosen),
  onClick: () => onChoose(node.id),
});

export const GraphNode = {
  props: ["node", "step", "version", "chosen", "isFar", "isTabStop", "onChoose"],
  setup: (props) => () => {
    const { node, step } = props;
    const { x, y, width, height } = node;
    if (node.shape === "end") {
      return html`
        <g class="end" transform=${`translate(${x} ${y})`}>
          <rect width=${width} height=${height} rx=${height / 2} />
          <text x=${width / 2} y=${height / 2 + 4} text-anchor="middle">${node.kind}</text>
        </g>`;
    }
    const state = step?.state ?? "none";
    const classes = ["node", `is-${stateClass(state)}`, props.chosen && "chosen", step?.waitsFor && `waits-${step.waitsFor}`];
    return html`
      <g class=${classes.filter(Boolean).join(" ")} transform=${`translate(${x} ${y})`} data-step=${node.id}
        aria-label=${describe(node, step)} ...${props.onChoose ? pressable(props) : { role: "img" }}>
        <rect class="box" width=${width} height=${height} rx="6" />
        <rect class="side" width="4" height=${height} rx="2" />
        ${!props.isFar && details(node, step, state)}
      </g>`;
  },
};

export const GraphEdge = {
  props: ["path", "tip", "label", "streaming", "condition", "middle", "share", "items", "capacity", "isFlowing", "isDone"],
  setup: (props) => () => {
    const { share } = props;
    const isFull = share !== null && share >= FULL;
    const classes = [
      "edge", !props.streaming && "value", props.condition && "when", props.isFlowing && "flows", props.isDone && "done",
      isFull && "full",
    ];
    const filled = share === null ? 0 : Math.min(share, 1) * 100;
    const known = props.capacity ? `${count(props.items)} of ${count(props.capacity)} waiting` : isFull ? "full" : "";
    return html`
      <g class=${classes.filter(Boolean).join(" ")}>
        <title>${[props.label, props.condition && `when ${props.condition}`, known].filter(Boolean).join(", ")}</title>
        ${isFull && html`<path class="glow" d=${props.path} />`}
        <path class="pipe" d=${props.path} />
        ${filled > 0 && html`<path class="level" d=${props.path} pathLength="100" stroke-dasharray=${`0 ${100 - filled} ${filled} 0`} />`}
        ${props.isFlowing && html`<path class="flow" d=${props.path} />`}
        <path class="tip" d=${props.tip} />
        ${isFull && props.capacity && html`
          <text class="amount" x=${props.middle[0]} y=${props.middle[1] - 8} text-anchor="middle">${shortCount(props.items)} / ${shortCount(props.capacity)}</text>`}
      </g>`;
  },
};
