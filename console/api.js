// The only module that talks to the server.
import { askForKey, key } from "./key.js";

const BASE = new URL("../", import.meta.url); // works under any prefix

/** An error of the server, RFC 9457, or of the way to it (`status` 0). */
export class Problem extends Error {
  constructor(status, body = {}, retryAfter = null) {
    super(body.detail ?? "The server does not answer. Is it running, and is this machine online?");
    this.status = status;
    this.code = (body.type ?? "").split(":").pop() || "unreachable";
    this.reasons = body.reasons ?? [];
    this.scores = body.scores ?? {};
    this.retryAfter = retryAfter;
  }

  static async of(response) {
    return Problem.from(response.status, await response.text(), response.headers.get("Retry-After"));
  }

  static from(status, text, retryAfter) {
    let body = {};
    try { body = JSON.parse(text); } catch { /* a proxy in front may answer in HTML */ }
    body.detail ??= `The server answered ${status}.`;
    return new Problem(status, body, Number(retryAfter) || null);
  }

  /** Whether a key, or another key, would help. */
  get wantsKey() { return this.status === 401 || this.code === "scope-missing"; }
}

const authorization = () => (key() ? { Authorization: `Bearer ${key()}` } : {});

/**
 * Ask for JSON.
 * @param {string} path relative to the server, such as `v1/policy`
 * @param {{method?: string, body?: FormData, signal?: AbortSignal, quietly?: boolean}} options
 *   `quietly` never opens the dialog for a key
 */
export async function ask(path, { method = "GET", body, signal, quietly = false } = {}) {
  for (;;) {
    const response = await fetch(new URL(path, BASE), { method, body, signal, headers: authorization() })
      .catch((error) => { throw error.name === "AbortError" ? error : new Problem(0); });
    if (response.ok) return response.status === 204 ? null : response.json();
    const problem = await Problem.of(response);
    if (quietly || !problem.wantsKey || !(await askForKey(problem.message))) throw problem;
  }
}

/** Who this is to the server: `{scope, open}`. One that has no such route is open. */
export async function me() {
  try {
    return await ask("v1/me", { quietly: true });
  } catch (problem) {
    if (problem.status === 404) return { scope: "operator", open: true };
    throw problem;
  }
}

/** Ask for a key up front where nothing goes without one; whether there is one now. */
export async function admitted() {
  const { scope, open } = await me();
  return open || scope !== null || askForKey("This server takes captures with a key only.");
}

/** Send a capture; the caller hears how much of it is on its way.
 * @param {FormData} form
 * @param {{pictures: boolean, onUpload: (share: number) => void, signal: AbortSignal}} options
 */
export async function verify(form, options) {
  for (;;) {
    const { status, text, retryAfter } = await post(form, options);
    if (status === 200) {
      const answer = JSON.parse(text);
      return "verdict" in answer ? answer : { verdict: answer, pictures: [] };
    }
    const problem = status ? Problem.from(status, text, retryAfter) : new Problem(0);
    if (!problem.wantsKey || !(await askForKey(problem.message))) throw problem;
  }
}

function post(form, { pictures, onUpload, signal }) {
  // fetch() cannot tell how much of an upload has gone out.
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", new URL(`v1/verify${pictures ? "?pictures=true" : ""}`, BASE));
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => { if (event.lengthComputable) onUpload(event.loaded / event.total); };
    request.upload.onload = () => onUpload(1);
    const done = () => resolve({ status: request.status, text: request.responseText, retryAfter: request.getResponseHeader("Retry-After") });
    request.onload = done;
    request.onerror = done;
    request.onabort = () => reject(new DOMException("Cancelled", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

/** A query string of what is set in `fields`. */
export function query(fields) {
  const set = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return set.length ? `?${new URLSearchParams(set)}` : "";
}
