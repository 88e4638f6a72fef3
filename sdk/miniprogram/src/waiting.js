import { failure } from './errors.js'

/** @import { PayResult, TongbaoError } from '../index.js' */

/** @typedef {{ result: PayResult, reason: TongbaoError | null }} Ending how a payment ended, and why not as `paid` */
/** @typedef {(waitSeconds: number) => Promise<Ending | null>} Ask asks the server; null while nothing is final */

const LONGEST_PAUSE_SECONDS = 5

/**
 * Ask until the ending is known, the time is over or the page says stop. Never rejects.
 *
 * @param {Ask} ask
 * @param {number} waitSeconds
 * @param {((stop: () => void) => void) | undefined} onWaiting
 * @returns {Promise<Ending>}
 */
export function waitForEnding(ask, waitSeconds, onWaiting) {
  return new Promise((resolve) => {
    let stopped = false
    const stop = () => {
      stopped = true
      resolve({ result: 'pending', reason: failure('stopped', 'The waiting was stopped') })
    }
    if (onWaiting) tell(onWaiting, stop)
    askUntilFinal(ask, waitSeconds, () => stopped).then(resolve)
  })
}

/**
 * Ask through lost answers: once for what is known already, then waiting. The last ask begins after the deadline,
 * so that a phone that slept through it still hears what happened meanwhile.
 *
 * @param {Ask} ask
 * @param {number} waitSeconds
 * @param {() => boolean} isStopped
 * @returns {Promise<Ending>}
 */
async function askUntilFinal(ask, waitSeconds, isStopped) {
  const deadline = Date.now() + waitSeconds * 1000
  let reason = failure('undecided', `No final answer within ${waitSeconds} s`)
  for (let asks = 0; ; asks += 1) {
    const began = Date.now()
    const leftSeconds = Math.max(0, (deadline - began) / 1000)
    try {
      const ending = await ask(asks === 0 ? 0 : leftSeconds)
      if (ending) return ending
    } catch (error) {
      reason = /** @type {TongbaoError} */ (error)
    }
    if (leftSeconds === 0 || isStopped()) return { result: 'pending', reason }
    // Asks that keep coming back at once, empty or broken, are repeated more and more slowly.
    const pauseUntil = began + Math.min(asks, LONGEST_PAUSE_SECONDS) * 1000
    await sleep(Math.min(pauseUntil, deadline) - Date.now())
  }
}

/**
 * What the page does with the news must not change what becomes of the payment.
 *
 * @param {(stop: () => void) => void} onWaiting
 * @param {() => void} stop
 */
function tell(onWaiting, stop) {
  try {
    onWaiting(stop)
  } catch (error) {
    console.error(error)
  }
}

/** @param {number} milliseconds */
function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, milliseconds)))
}
