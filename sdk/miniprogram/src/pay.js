import { failure } from './errors.js'

/** @import { Host, Order, PayOptions, PayResult, SheetResult, Tongbao, TongbaoError } from '../index.js' */

/** @typedef {{ result: PayResult, reason: TongbaoError | null }} Ending */

const LONGEST_ASK_SECONDS = 25
const LONGEST_PAUSE_SECONDS = 5

/**
 * What an attempt's state means for the one who pays. The states that are not here are not final.
 *
 * @type {Record<string, PayResult | undefined>}
 */
const FINAL = { held: 'pending', failed: 'failed', closed: 'failed', surplus: 'failed' }

/**
 * Paying: start an attempt, open the host's sheet, ask the server. Only the server's word makes it `paid`.
 *
 * @param {Host} host
 * @param {object} server
 * @param {(orderId: string, how: { channel: string, method: string }) => Promise<any>} server.start
 * @param {Tongbao['getOrder']} server.getOrder
 * @param {number} defaultWaitSeconds
 */
export function createPay(host, { start, getOrder }, defaultWaitSeconds) {
  /** @type {Map<string, Promise<PayResult>>} */
  const underWay = new Map()
  /** @type {TongbaoError | null} */
  let lastError = null

  /** @type {Tongbao['pay']} */
  function pay(orderId, options = {}) {
    const joined = underWay.get(orderId)
    if (joined) return joined
    const paying = collect(orderId, options).then(({ result, reason }) => {
      lastError = reason
      return result
    })
    underWay.set(orderId, paying)
    const over = () => underWay.delete(orderId)
    paying.then(over, over)
    return paying
  }

  /**
   * @param {string} orderId
   * @param {PayOptions} options
   * @returns {Promise<Ending>}
   */
  async function collect(orderId, options) {
    const { channel = host.channel, method = host.method, waitSeconds = defaultWaitSeconds, onWaiting } = options
    let started
    try {
      started = await start(orderId, { channel, method })
    } catch (error) {
      return unopened(orderId, /** @type {TongbaoError} */ (error))
    }
    const sheet = await openSheet(started.client_params)
    if (sheet.outcome !== 'done') return refused(orderId, started.attempt.id, sheet)
    return wait(orderId, started.attempt.id, waitSeconds, onWaiting)
  }

  /**
   * A conflict may mean that the order has been paid already. Otherwise nothing was opened and nothing charged.
   *
   * @param {string} orderId
   * @param {TongbaoError} reason
   * @returns {Promise<Ending>}
   */
  async function unopened(orderId, reason) {
    const paid = reason.status === 409 && (await getOrder(orderId).then(({ status }) => status === 'paid', () => false))
    return paid ? { result: 'paid', reason: null } : { result: 'failed', reason }
  }

  /**
   * @param {Record<string, string>} clientParams
   * @returns {Promise<SheetResult>}
   */
  async function openSheet(clientParams) {
    try {
      return await host.openPayment(clientParams)
    } catch (error) {
      return { outcome: 'failed', message: String(error) }
    }
  }

  /**
   * The sheet says no. It may have been paid all the same, so the server is asked, once. Where the server is silent
   * the buyer's own cancelling stands; any other failure is the host's word alone, and so it is pending.
   *
   * @param {string} orderId
   * @param {string} attemptId
   * @param {SheetResult} sheet
   * @returns {Promise<Ending>}
   */
  async function refused(orderId, attemptId, { outcome, message }) {
    const cancelled = outcome === 'cancelled'
    const reason = failure(cancelled ? 'sheet_cancelled' : 'sheet_failed', message)
    try {
      const ending = read(await getOrder(orderId), attemptId)
      if (ending && ending.result !== 'failed') return ending
    } catch (error) {
      if (!cancelled) return { result: 'pending', reason: /** @type {TongbaoError} */ (error) }
    }
    return { result: cancelled ? 'cancelled' : 'failed', reason }
  }

  /**
   * @param {string} orderId
   * @param {string} attemptId
   * @param {number} waitSeconds
   * @param {PayOptions['onWaiting']} onWaiting
   * @returns {Promise<Ending>}
   */
  function wait(orderId, attemptId, waitSeconds, onWaiting) {
    return new Promise((resolve) => {
      let stopped = false
      const stop = () => {
        stopped = true
        resolve({ result: 'pending', reason: failure('stopped', 'The waiting was stopped') })
      }
      if (onWaiting) tell(onWaiting, stop)
      askUntilFinal(orderId, attemptId, waitSeconds, () => stopped).then(resolve)
    })
  }

  /**
   * Ask through lost answers until one is final: once for what is known already, then in slices of waiting. The last
   * ask begins after the deadline, so that a phone that slept through it still hears what happened meanwhile.
   *
   * @param {string} orderId
   * @param {string} attemptId
   * @param {number} waitSeconds
   * @param {() => boolean} isStopped
   * @returns {Promise<Ending>}
   */
  async function askUntilFinal(orderId, attemptId, waitSeconds, isStopped) {
    const deadline = Date.now() + waitSeconds * 1000
    let reason = failure('undecided', `No final answer within ${waitSeconds} s`)
    for (let asks = 1; ; asks += 1) {
      const began = Date.now()
      const leftSeconds = Math.max(0, Math.ceil((deadline - began) / 1000))
      try {
        const askSeconds = asks === 1 ? 0 : Math.min(LONGEST_ASK_SECONDS, leftSeconds)
        const order = await getOrder(orderId, { waitSeconds: askSeconds })
        const ending = read(order, attemptId)
        if (ending) return ending
      } catch (error) {
        reason = /** @type {TongbaoError} */ (error)
      }
      if (leftSeconds === 0 || isStopped()) return { result: 'pending', reason }
      // Asks that keep coming back at once, empty or broken, are repeated more and more slowly.
      const pauseUntil = began + Math.min(asks - 1, LONGEST_PAUSE_SECONDS) * 1000
      await sleep(Math.min(pauseUntil, deadline) - Date.now())
    }
  }

  return { pay, lastError: () => lastError }
}

/**
 * What the server's word about an order means for this attempt; null while it is not final.
 *
 * @param {Order} order
 * @param {string} attemptId
 * @returns {Ending | null}
 */
function read(order, attemptId) {
  if (order.status === 'paid') return { result: 'paid', reason: null }
  const attempt = (order.payments || []).find(({ id }) => id === attemptId)
  const result = attempt && FINAL[attempt.state]
  return attempt && result ? { result, reason: failure(`payment_${attempt.state}`, `The payment is ${attempt.state}`) } : null
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
