// Problems of a document or of a request, each with its place and what to do.
import { html } from "../lib/html.js";
import { icon } from "../view/icons.js";

const place = ({ file, line, column, path }) =>
  [file, line, column].filter((part) => part != null && part !== "").join(":") + (path ? ` ${path}` : "");

export const problemList = (problems) => html`
  <ul class="problems">
    ${problems.map((problem) => html`
      <li class="notice bad">
        ${icon("warning", "is-failed")}
        <div class="grow">
          <p>${problem.message}${problem.hint ? html` <span class="muted">(${problem.hint})</span>` : null}</p>
          <p class="problem-place">${place(problem)} [${problem.code}]</p>
        </div>
      </li>`)}
  </ul>`;

/** What went wrong with a request, as a notice. */
export const errorNotice = (error) => html`
  <div class="notice bad" role="alert">${icon("warning", "is-failed")}<p class="grow">${error.message}</p></div>`;
