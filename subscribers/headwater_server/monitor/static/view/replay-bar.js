// The slider that moves through the events of an execution, and plays them again at any speed.
import { count, offset } from "../lib/format.js";
import { html } from "../lib/html.js";
import { icon } from "./icons.js";

const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 5, 10, 50, 100];
const MOST_MARKS = 60;
/** The failures as marks on the slider, as shares of its length; at most a few, at distinct places. */
function marksOf(recording) {
  const marks = new Map();
  for (const position of recording.failures) {
    const place = Math.round(((position + 1) / recording.length) * MOST_MARKS);
    const { event_type: type } = recording.events[position];
    if (!marks.has(place) || type !== "step_retry") marks.set(place, type);
  }
  return [...marks].map(([place, type]) => ({ share: place / MOST_MARKS, type }));
}

export const ReplayBar = {
  props: ["store", "player", "isLive"],
  setup: ({ store, player, isLive }) => () => {
    void store.version.value;
    const { recording } = store;
    const position = store.shown.value;
    const isReplay = store.position.value !== null;
    const startS = recording.events[0]?.timeS ?? 0;
    const timeS = (recording.events[position - 1]?.timeS ?? startS) - startS;
    const playing = player.playing.value;
    return html`
      <div class="replay" role="group" aria-label="Replay">
        <button type="button" class="button small icon-only" disabled=${!recording.length}
          title=${playing ? "Pause" : "Play the events again"} aria-label=${playing ? "Pause" : "Play the events again"}
          onClick=${() => (playing ? player.pause() : player.play())}>${icon(playing ? "pause" : "play")}</button>
        <div class="slider">
          <input type="range" min="0" max=${recording.length} step="1" value=${position} aria-label="Position in the events"
            aria-valuetext=${`event ${position} of ${recording.length}, ${offset(timeS)}`}
            onInput=${(event) => player.seek(Number(event.target.value))} />
          <div class="marks" aria-hidden="true">
            ${marksOf(recording).map(({ share, type }) => html`
              <i class=${`mark ${type}`} style=${{ left: `${share * 100}%` }}></i>`)}
          </div>
        </div>
        <span class="replay-place number">${count(position)} / ${count(recording.length)}<span class="muted"> ${offset(timeS)}</span></span>
        <select class="field small-field" aria-label="Speed" value=${player.speed.value}
          onChange=${(event) => (player.speed.value = Number(event.target.value))}>
          ${SPEEDS.map((speed) => html`<option value=${speed}>${speed}×</option>`)}
        </select>
        ${isLive && html`
          <button type="button" class=${`button small ${isReplay ? "" : "quiet"}`} disabled=${!isReplay}
            onClick=${player.toNewest}>${icon("live")}Newest</button>`}
      </div>`;
  },
};
