/** Speaks to the service: JSON in and out, problems (RFC 9457) as `Refusal`. */

const KEY = "ride-duration-key";

/** The service refused, or did not answer at all (status 0). */
export class Refusal extends Error {
  constructor(status, problem, pause) {
    super(problem.detail || problem.title || `The service answered with status ${status}.`);
    this.status = status;
    this.title = problem.title || "";
    /** [{field, detail}]: what is wrong with which field. */
    this.errors = Array.isArray(problem.errors) ? problem.errors : [];
    /** Seconds after which to ask again; 0 where asking again does not help. */
    this.pause = pause;
  }
}

/** keeps the key in this tab. */
export function useKey(key) {
  sessionStorage.setItem(KEY, key);
}

export function hasKey() {
  return sessionStorage.getItem(KEY) !== null;
}

/** GET, or POST where there is a body. */
export async function ask(path, { body, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (body) headers["Content-Type"] = "application/json";
  if (hasKey()) headers.Authorization = `Bearer ${sessionStorage.getItem(KEY)}`;
  let response;
  try {
    response = await fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, { title: "No connection", detail: "The service cannot be reached. Is it running?" }, 5);
  }
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({}));
  throw new Refusal(response.status, problem, pause(response));
}

function pause(response) {
  const said = Number.parseInt(response.headers.get("Retry-After"), 10);
  if (said > 0) return Math.min(said, 300);
  return response.status === 429 || response.status >= 500 ? 5 : 0;
}
