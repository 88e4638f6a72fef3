import { failure } from './errors.js'
import { waitForEnding } from './waiting.js'

/** @import { Host, Order, PayOptions, PayResult, SheetResult, Tongbao, TongbaoError } from '../index.js' */
/** @import { Ask, Ending } from './waiting.js' */

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

  /** @param {string} orderId @param {PayOptions} options @returns {Promise<Ending>} */
  async function collect(orderId, options) {
    const { channel = host.channel, method = host.method, waitSeconds = defaultWaitSeconds, onWaiting } = options
    let started
    try {
      started = await start(orderId, { channel, method })
    } catch (error) {
      return unopened(/** @type {TongbaoError} */ (error), () => getOrder(orderId))
    }
    /** @type {Ask} */
    const ask = async (seconds) => read(await getOrder(orderId, { waitSeconds: seconds }), started.attempt.id)
    const sheet = await openSheet(host, started.client_params)
    return sheet.outcome === 'done' ? waitForEnding(ask, waitSeconds, onWaiting) : refused(ask, sheet)
  }

  return { pay, lastError: () => lastError }
}

/**
 * A conflict may mean that the order has been paid already. Otherwise nothing was opened and nothing charged.
 *
 * @param {TongbaoError} reason
 * @param {() => Promise<Order>} getOrder
 * @returns {Promise<Ending>}
 */
async function unopened(reason, getOrder) {
  const paid = reason.status === 409 && (await getOrder().then(({ status }) => status === 'paid', () => false))
  return paid ? { result: 'paid', reason: null } : { result: 'failed', reason }
}

/** @param {Host} host @param {object} clientParams @returns {Promise<SheetResult>} */
async function openSheet(host, clientParams) {
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
 * @param {Ask} ask
 * @param {SheetResult} sheet
 * @returns {Promise<Ending>}
 */
async function refused(ask, { outcome, message }) {
  const cancelled = outcome === 'cancelled'
  try {
    const ending = await ask(0)
    if (ending && ending.result !== 'failed') return ending
  } catch (error) {
    if (!cancelled) return { result: 'pending', reason: /** @type {TongbaoError} */ (error) }
  }
  const reason = failure(cancelled ? 'sheet_cancelled' : 'sheet_failed', message)
  return { result: cancelled ? 'cancelled' : 'failed', reason }
}

/**
 * What the server's word about an order means for one attempt; null while it is not final.
 *
 * @param {Order} order
 * @param {string} attemptId
 * @returns {Ending | null}
 */
function read(order, attemptId) {
  if (order.status === 'paid') return { result: 'paid', reason: null }
  const attempt = (order.payments || []).find(({ id }) => id === attemptId)
  const result = attempt && FINAL[attempt.state]
  if (!attempt || !result) return null
  return { result, reason: failure(`payment_${attempt.state}`, attempt.reason || `The payment is ${attempt.state}`) }
}
