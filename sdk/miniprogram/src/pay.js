import { failure } from './errors.js'
import { outcomeOf } from './sheets.js'
import { waitForEnding } from './waiting.js'

/** @import { Host, Order, PayOptions, PayResult, SheetResult, Tongbao, TongbaoError } from '../index.js' */
/** @import { Ask, Ending } from './waiting.js' */

/**
 * @typedef {{ open: () => Promise<SheetResult>, attemptId?: string }} Opening
 *   a way to pay: a sheet for one attempt, or a page where the buyer makes as many as it takes
 */

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
 * @param {(orderId: string, channel: string, options: PayOptions) => Promise<any>} server.start
 * @param {Tongbao['getOrder']} server.getOrder
 * @param {{ waitSeconds: number, webViewPage?: string, copied: string }} settings
 */
export function createPay(host, { start, getOrder }, settings) {
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
    const { channel = host.channel, waitSeconds = settings.waitSeconds, onWaiting } = options
    /** @type {Opening} */
    let opening
    try {
      opening = channel ? await begin(orderId, channel, options) : await ourPage(orderId)
    } catch (error) {
      return unopened(/** @type {TongbaoError} */ (error), () => getOrder(orderId))
    }
    /** @type {Ask} */
    const ask = async (seconds) => read(await getOrder(orderId, { waitSeconds: seconds }), opening.attemptId)
    const sheet = await opening.open().catch((error) => ({ code: 'sheet_failed', message: String(error) }))
    const outcome = outcomeOf(host, sheet)
    if (outcome !== 'done') return refused(ask, outcome, sheet.message)
    return waitForEnding(ask, waitSeconds, onWaiting && ((stop) => onWaiting(stop, sheet.code)))
  }

  /**
   * An attempt by the way that was chosen. Where a wallet is forbidden inside another, our own page is the way round.
   *
   * @param {string} orderId @param {string} channel @param {PayOptions} options
   * @returns {Promise<Opening>}
   */
  async function begin(orderId, channel, options) {
    try {
      const { attempt, client_params: params } = await start(orderId, channel, options)
      const url = params.url || params.h5_url
      return { attemptId: attempt.id, open: async () => (url ? host.openLink(url, settings) : host.openPayment(params)) }
    } catch (error) {
      const reason = /** @type {TongbaoError} */ (error)
      if (reason.code !== 'way_forbidden' || channel === host.channel) throw reason
      return ourPage(orderId, reason)
    }
  }

  /**
   * The page of ours where the buyer chooses how to pay.
   *
   * @param {string} orderId
   * @param {TongbaoError} [reason] why nothing else will do
   * @returns {Promise<Opening>}
   */
  async function ourPage(orderId, reason) {
    const { status, pay_url: url } = await getOrder(orderId)
    if (status !== 'open') throw failure(`order_${status}`, `The order is ${status}`, 409)
    if (!url) throw reason || failure('unreadable', 'The server gave no address of a payment page')
    return { open: async () => host.openLink(url, settings) }
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

/**
 * The sheet says no. It may have been paid all the same, so the server is asked, once. Where the server is silent
 * the buyer's own cancelling stands; any other failure is the host's word alone, and so it is pending.
 *
 * @param {Ask} ask
 * @param {'cancelled' | 'failed'} outcome
 * @param {string} message
 * @returns {Promise<Ending>}
 */
async function refused(ask, outcome, message) {
  const cancelled = outcome === 'cancelled'
  try {
    const ending = await ask(0)
    if (ending && ending.result !== 'failed') return ending
  } catch (error) {
    if (!cancelled) return { result: 'pending', reason: /** @type {TongbaoError} */ (error) }
  }
  const reason = failure(cancelled ? 'sheet_cancelled' : 'sheet_failed', message)
  return { result: outcome, reason }
}

/**
 * What the server's word about an order means for one attempt, or for whatever is tried on our page; null while it is
 * not final.
 *
 * @param {Order} order
 * @param {string | undefined} attemptId
 * @returns {Ending | null}
 */
function read(order, attemptId) {
  if (order.status === 'paid') return { result: 'paid', reason: null }
  if (order.status === 'closed' && !attemptId) {
    return { result: 'failed', reason: failure('order_closed', order.close_reason || 'The order is closed') }
  }
  const attempt = (order.payments || []).find(({ id }) => id === attemptId)
  const result = attempt && FINAL[attempt.state]
  if (!attempt || !result) return null
  return { result, reason: failure(`payment_${attempt.state}`, attempt.reason || `The payment is ${attempt.state}`) }
}
