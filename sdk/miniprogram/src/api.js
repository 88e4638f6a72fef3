import { failure } from './errors.js'

/** @import { Host, HostAnswer } from '../index.js' */

/**
 * @typedef {object} ApiRequest
 * @property {'GET' | 'POST'} method
 * @property {string} path
 * @property {Record<string, unknown>} [body]
 * @property {string} [token]
 * @property {number} [waitSeconds] how long the server may hold its answer back
 */

/**
 * Speaks to the server: one request, one answer or one TongbaoError.
 *
 * @param {Host} host
 * @param {{ baseUrl: string, locale?: string, timeoutSeconds: number }} settings
 */
export function createApi(host, { baseUrl, locale, timeoutSeconds }) {
  /**
   * @param {ApiRequest} request
   * @returns {Promise<any>} the answer's JSON object
   */
  return async function send({ method, path, body, token, waitSeconds = 0 }) {
    /** @type {Record<string, string>} */
    const headers = { Accept: 'application/json' }
    if (body) headers['Content-Type'] = 'application/json'
    if (locale) headers['Accept-Language'] = locale
    if (token) headers.Authorization = `Bearer ${token}`
    const limitSeconds = waitSeconds + timeoutSeconds
    const asked = host.request({ method, url: baseUrl + path, headers, body, timeoutSeconds: limitSeconds })
    return read(await within(limitSeconds, asked, 'unreachable'))
  }
}

/** @param {HostAnswer} answer */
function read({ status, body }) {
  const words = body && typeof body === 'object' ? /** @type {Record<string, any>} */ (body) : null
  if (words && status >= 200 && status < 300) return words
  if (words && words.code) throw failure(words.code, words.detail || words.title || words.code, status)
  throw failure('unreadable', `The server's answer (HTTP ${status}) is not Tongbao's`, status)
}

/**
 * Hosts differ in how well they keep a time limit, so the SDK keeps its own.
 *
 * @template T
 * @param {number} seconds
 * @param {Promise<T>} promise
 * @param {string} code of the error when the promise rejects
 * @returns {Promise<T>}
 */
export function within(seconds, promise, code) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(failure('timed_out', `No answer within ${seconds} s`)), seconds * 1000)
    promise.then(
      (value) => {
        clearTimeout(timer)
        resolve(value)
      },
      (error) => {
        clearTimeout(timer)
        reject(failure(code, String((error && error.message) || error)))
      },
    )
  })
}
