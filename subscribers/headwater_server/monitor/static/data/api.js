// Requests to the server, with the key of the caller in a header, and problems as errors.

/** The address of the server that these files come from. */
export const HOME = new URL("../../", import.meta.url).href;

/** What the server answered instead of what was asked for (RFC 9457). */
export class ProblemError extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `the server answered with status ${status}`);
    this.status = status;
    this.code = problem.code ?? "";
    this.problems = problem.problems ?? [];
  }
}

export class Api {
  /** `authorization()` returns the value of the header, or an empty string; `refused()` is called on status 401. */
  constructor(home = HOME, authorization = () => "", refused = () => {}) {
    this.home = home.endsWith("/") ? home : `${home}/`;
    this.authorization = authorization;
    this.refused = refused;
  }

  url(path) {
    return new URL(path.replace(/^\//, ""), this.home).href;
  }

  async fetch(path, { headers = {}, ...options } = {}) {
    const authorization = this.authorization();
    const response = await fetch(this.url(path), {
      cache: "no-store",
      ...options,
      headers: authorization ? { ...headers, authorization } : headers,
    });
    if (response.ok) return response;
    if (response.status === 401) this.refused();
    const problem = await response.json().catch(() => ({}));
    throw new ProblemError(response.status, problem);
  }

  async get(path, options) {
    return (await this.fetch(path, options)).json();
  }

  async post(path, body) {
    const response = await this.fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body ?? {}),
    });
    return response.json();
  }

  pipelines = async () => (await this.get("pipelines")).pipelines;
  pipeline = (name) => this.get(`pipelines/${encodeURIComponent(name)}`);
  executions = (query) => this.get(`executions?${new URLSearchParams(query)}`);
  execution = (id) => this.get(`executions/${encodeURIComponent(id)}`);
  result = (id) => this.get(`executions/${encodeURIComponent(id)}/result`);
  cancel = (id, reason) => this.post(`executions/${encodeURIComponent(id)}/cancel`, { reason });

  start = (name, body) => this.post(`pipelines/${encodeURIComponent(name)}/executions`, body);
}
