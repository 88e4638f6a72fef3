/**
 * @typedef {object} Request
 * @property {string} method
 * @property {string} url
 * @property {string} path of the url
 * @property {number} wait seconds
 * @property {number} timeout milliseconds
 * @property {Record<string, string>} headers
 * @property {any} body
 * @typedef {{ status: number, data: any }} Answer
 * @typedef {'lose request' | 'lose answer' | 'hang' | Answer} Fault
 */

/** A Tongbao server small enough to read: sessions, orders and attempts in memory, and faults in the order wanted. */
export function createFakeServer() {
  const sessionSeconds = 7200
  /** @type {Request[]} */
  const requests = []
  /** @type {Map<string, number>} token → when it expires */
  const tokens = new Map()
  /** @type {Set<string>} */
  const usedCodes = new Set()
  /** @type {Map<string, any>} */
  const orders = new Map()
  /** @type {{ on: string, fault: Fault }[]} */
  const faults = []
  /** @type {Set<() => void>} */
  const waiting = new Set()
  /** @type {Set<string>} channels that may not be used where the buyer is */
  const forbidden = new Set()

  /** @param {string} id */
  function addOrder(id) {
    const payUrl = `https://pay.example.com/pay/${id}.mac`
    const order = { id, reference: id, amount: 2800, currency: 'CNY', status: 'open', pay_url: payUrl, payments: [] }
    orders.set(id, order)
    return order
  }

  /** Move an order, or its newest attempt. @param {string} id @param {{ order?: object, attempt?: object }} change */
  function move(id, { order, attempt }) {
    Object.assign(orders.get(id), order)
    Object.assign(orders.get(id).payments.at(-1) || {}, attempt)
    waiting.forEach((wake) => wake())
  }

  /** @param {string} id */
  const pay = (id) => move(id, { order: { status: 'paid' }, attempt: { state: 'succeeded' } })

  /** The next request to this route meets this fault. @param {string} on @param {...Fault} these */
  function fail(on, ...these) {
    faults.push(...these.map((fault) => ({ on, fault })))
  }

  /**
   * @param {Request} request
   * @returns {Promise<Answer>} rejected when the network fails
   */
  async function receive(request) {
    requests.push(request)
    const route = routeOf(request)
    const index = faults.findIndex(({ on }) => on === route)
    const fault = index < 0 ? undefined : faults.splice(index, 1)[0].fault
    if (fault === 'hang') return new Promise(() => {})
    if (fault === 'lose request') throw new Error('request:fail interrupted')
    if (typeof fault === 'object') return fault
    const answer = await answerTo(request, route)
    if (fault === 'lose answer') throw new Error('request:fail connection reset')
    return structuredClone(answer)
  }

  /** @param {Request} request @param {string} route @returns {Promise<Answer>} */
  async function answerTo(request, route) {
    if (route === 'POST sessions') return openSession(request.body)
    const token = (request.headers.Authorization || '').replace('Bearer ', '')
    if (!((tokens.get(token) || 0) > Date.now())) return problem(401, 'session_expired')
    if (route === 'POST phone') return { status: 200, data: { masked: '138****8000' } }
    const order = orders.get(decodeURIComponent(request.path.split('/')[3]))
    if (!order) return problem(404, 'order_not_found')
    if (route === 'POST payments') return startPayment(order, request.body)
    if (request.wait && order.status === 'open') await change(request.wait)
    return { status: 200, data: order }
  }

  /** @param {any} body @returns {Answer} */
  function openSession({ host, code, profile }) {
    if (usedCodes.has(code)) return problem(400, 'code_used')
    usedCodes.add(code)
    const token = `token-${usedCodes.size}`
    const expires = Date.now() + sessionSeconds * 1000
    tokens.set(token, expires)
    const seen = host === 'alipay' ? { nickname: '小明', avatar_url: 'https://img.example.com/1.png' } : null
    const data = { token, buyer_id: 'buy_1', expires_at: new Date(expires).toISOString() }
    return { status: 201, data: profile ? { ...data, profile: seen } : data }
  }

  /** @param {any} order @param {any} body @returns {Answer} */
  function startPayment(order, { channel, method }) {
    if (order.status !== 'open') return problem(409, `order_${order.status}`)
    if (forbidden.has(channel)) return problem(422, 'way_forbidden')
    const id = `${order.id}-att-${order.payments.length + 1}`
    const attempt = { id, order_id: order.id, channel, method, state: 'pending', amount: 2800, currency: 'CNY' }
    order.payments.push(attempt)
    return { status: 201, data: { attempt, client_params: paramsOf(method, order.id) } }
  }

  /** @param {number} seconds @returns {Promise<void>} */
  function change(seconds) {
    return new Promise((resolve) => {
      const wake = () => {
        waiting.delete(wake)
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(wake, seconds * 1000)
      waiting.add(wake)
    })
  }

  return {
    addOrder,
    move,
    pay,
    fail,
    receive,
    requests,
    forbidden,
    /** A session that the merchant's server hands out. @param {string} token */
    letIn: (token) => tokens.set(token, Date.now() + sessionSeconds * 1000),
    /** The requests to one route. @param {string} route */
    to: (route) => requests.filter((request) => routeOf(request) === route),
    expireSessions: () => tokens.clear(),
  }
}

/** What each method's sheet or page takes. @param {string} method @param {string} orderId @returns {object} */
function paramsOf(method, orderId) {
  const signed = { timeStamp: '1779264000', nonceStr: 'n', signType: 'RSA', paySign: 'signed' }
  if (method === 'create') return { tradeNO: orderId }
  if (method === 'app') return { orderStr: `out_trade_no=${orderId}` }
  if (method === 'h5') return { h5_url: `https://wx.example.com/h5?order=${orderId}` }
  if (method === 'wap') return { url: `https://alipay.example.com/gateway?order=${orderId}` }
  if (method === 'precreate') return { qr_code: `https://qr.example.com/${orderId}` }
  return { ...signed, package: `prepay_id=${orderId}` }
}

/** @param {Request} request @returns {string} `POST sessions`, `POST phone`, `POST payments` or `GET order` */
function routeOf({ method, path }) {
  return method === 'GET' ? 'GET order' : `POST ${path.split('/').at(-1)}`
}

/** @param {number} status @param {string} code @returns {Answer} */
export function problem(status, code) {
  return { status, data: { type: 'about:blank', title: code, status, code, detail: `${code}, in words` } }
}
