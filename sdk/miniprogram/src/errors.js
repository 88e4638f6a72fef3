/** @import { TongbaoError } from '../index.js' */

/**
 * An error with a stable code. Made by a function because a class that extends Error does not survive
 * the compilation to ES5 that mini-program tools apply.
 *
 * @param {string} code
 * @param {string} message
 * @param {number} [status] HTTP status of the answer, if there was one
 * @returns {TongbaoError}
 */
export function failure(code, message, status) {
  return Object.assign(new Error(message), { name: 'TongbaoError', code, status })
}
