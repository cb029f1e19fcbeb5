// `html` turns a tagged template into Vue's virtual nodes, so that no template is compiled in the browser.
import htm from "../vendor/htm.module.js";
import { h } from "../vendor/vue.runtime.esm-browser.prod.js";

export const html = htm.bind(function (...args) {
  this[0] = 3; // htm would otherwise reuse static nodes, which Vue wants to own
  return h(...args);
});
