// What the view of one execution shows: its events as they arrive, or as a replay reads them again.
import { computed, onScopeDispose, reactive, shallowRef, watch } from "../vendor/vue.runtime.esm-browser.prod.js";
import { followEvents } from "./event-stream.js";
import { hasEnded } from "./execution-state.js";
import { Recording } from "./recording.js";

const CLOCK_MS = 250;
const MANY = 150; // steps; with more, the view is drawn less often
const MANY_MS = 150;

/** How far the clock is ahead; less than a second is only the time that events are on their way. */
const skewOf = (skewS) => (Number.isFinite(skewS) && (skewS < 0 || skewS > 1) ? skewS : 0);

/** The shared part of a live and of a recorded execution. Call it inside the setup of a component. */
function newStore() {
  const recording = new Recording();
  const tick = shallowRef(0); // grows when there is something new to draw
  const clock = shallowRef(Date.now() / 1000);
  const position = shallowRef(null); // how many events a replay has read; null when the newest are shown
  const connection = reactive({ name: "connecting", reason: "", untilMs: 0, error: null });
  let skewS = Infinity; // how far the clock of this computer is ahead of the clock of the server

  const timer = setInterval(() => {
    if (!hasEnded(recording.latest)) clock.value = Date.now() / 1000;
  }, CLOCK_MS);
  onScopeDispose(() => clearInterval(timer));

  const state = computed(() => {
    void tick.value;
    return position.value === null ? recording.latest : recording.at(position.value);
  });
  // The state is one object that changes, so what depends on it reads this number as well.
  const version = computed(() => `${tick.value}:${position.value}`);
  const shown = computed(() => (void tick.value, position.value ?? recording.length));
  const nowS = computed(() => {
    void tick.value;
    if (position.value !== null) return recording.events[position.value - 1]?.timeS ?? recording.latest.startedS;
    const { endedS } = recording.latest;
    return hasEnded(recording.latest) ? endedS : Math.max(clock.value - skewOf(skewS), endedS);
  });

  let pending = [];
  let isScheduled = false;
  function flush() {
    isScheduled = false;
    const events = pending;
    pending = [];
    recording.add(events);
    const arrivedS = Date.now() / 1000;
    for (const event of events.slice(-20)) skewS = Math.min(skewS, arrivedS - event.timeS);
    tick.value += 1;
  }
  /** Takes events that have arrived; they are drawn together, once per frame. */
  function add(events) {
    for (const event of events) pending.push(event);
    if (isScheduled) return;
    isScheduled = true;
    const waitMs = recording.latest.steps.size > MANY || document.hidden ? MANY_MS : 0; // a hidden page has no frames
    if (waitMs) setTimeout(flush, waitMs);
    else requestAnimationFrame(flush);
  }

  return { recording, tick, version, position, shown, connection, state, nowS, add, flush };
}

/** Follows an execution on a server; `execution()` returns its id, and another id begins anew. */
export function liveStore(api, executionId) {
  const store = newStore();
  const stop = new AbortController();
  onScopeDispose(() => stop.abort());
  void followEvents(api, executionId, {
    signal: stop.signal,
    onEvents: store.add,
    onConnection(name, { delayMs = 0, reason = "", error = null } = {}) {
      Object.assign(store.connection, { name, untilMs: Date.now() + delayMs, error });
      if (name !== "connecting") store.connection.reason = reason;
    },
  });
  return store;
}

/** Shows events that were recorded before. */
export function recordedStore(events) {
  const store = newStore();
  store.recording.add(events);
  store.tick.value += 1;
  store.connection.name = "recorded";
  return store;
}

/** Plays the events again at a multiple of their own speed. Call it inside the setup of a component. */
export function replayer(store) {
  const playing = shallowRef(false);
  const speed = shallowRef(1);
  let frame = 0;
  let lastMs = 0;
  let timeS = 0;

  function step(nowMs) {
    if (store.recording.latest.steps.size > MANY && nowMs - lastMs < MANY_MS) {
      frame = requestAnimationFrame(step);
      return;
    }
    timeS += ((nowMs - lastMs) / 1000) * speed.value;
    lastMs = nowMs;
    store.position.value = Math.max(store.recording.positionAt(timeS), store.position.value ?? 0);
    if (store.position.value >= store.recording.length) playing.value = false;
    else frame = requestAnimationFrame(step);
  }
  function play() {
    const { recording, position } = store;
    if (position.value === null || position.value >= recording.length) position.value = 0;
    timeS = recording.events[Math.max(position.value - 1, 0)]?.timeS ?? 0;
    lastMs = performance.now();
    playing.value = true;
    frame = requestAnimationFrame(step);
  }
  function pause() {
    cancelAnimationFrame(frame);
    playing.value = false;
  }
  function seek(position) {
    pause();
    store.position.value = Math.min(Math.max(position, 0), store.recording.length);
  }
  function toNewest() {
    pause();
    store.position.value = null;
  }
  watch(playing, (now) => now || cancelAnimationFrame(frame));
  onScopeDispose(pause);
  return { playing, speed, play, pause, seek, toNewest };
}
