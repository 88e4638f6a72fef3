/**
 * What the pretend `wx` and `my` share.
 *
 * @typedef {object} Surroundings
 * @property {string} appId the mini-program that they belong to
 * @property {(act: string, body?: object) => Promise<any>} phone asks the sandbox
 * @property {() => { choice: Promise<string>, close: () => void }} openSheet the buyer, choosing
 * @property {(text: string) => Promise<void>} alert says something until it is read
 * @property {(text: string) => void} copy the clipboard
 * @property {(answer: any) => void} heard sees every answer that comes by
 */

export async function exchange(url, method, headers, body, timeout) {
  const answer = await fetch(url, { method, headers, body, signal: AbortSignal.timeout(timeout) })
  return { status: answer.status, text: await answer.text() }
}

/** Parsed where it is JSON, else as text. */
export function read(text) {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
