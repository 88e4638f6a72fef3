const { yuan } = require('../../utils/shop')
const { tongbao } = require('../../utils/tongbao')

Page({
  data: {
    id: '',
    items: /** @type {{ name: string, quantity: number, yuan: string }[]} */ ([]),
    amount: '',
    phone: '',
    busy: false,
    words: '',
  },

  stop: /** @type {(() => void) | null} */ (null),
  hidden: false,
  ended: '',

  /** @param {{ id?: string }} query */
  async onLoad({ id = '' }) {
    this.setData({ id })
    try {
      const { items, amount } = await tongbao.getOrder(id)
      const priced = items.map(({ name, quantity, unit_price: price }) => ({ name, quantity, yuan: yuan(price * quantity) }))
      this.setData({ items: priced, amount: yuan(amount) })
    } catch (error) {
      this.setData({ words: /** @type {Error} */ (error).message })
    }
  },

  onShow() {
    this.hidden = false
    if (this.ended) this.leave(this.ended)
  },

  /** Another page is on top, where the buyer may be paying still. */
  onHide() {
    this.hidden = true
  },

  /** A page that is left waits for nothing. */
  onUnload() {
    if (this.stop) this.stop()
  },

  onPay() {
    return this.pay({})
  },

  /** WeChat opens no other wallet: the SDK opens the order's payment page, here in pages/web. */
  onPayByAlipay() {
    return this.pay({ channel: 'alipay' })
  },

  /** @param {import('tongbao-miniprogram').PayOptions} how */
  async pay(how) {
    this.setData({ busy: true, words: '' })
    const onWaiting = (/** @type {() => void} */ stop) => {
      this.stop = stop
      this.setData({ words: '正在确认支付结果' })
    }
    const result = await tongbao.pay(this.data.id, { ...how, onWaiting })
    this.stop = null
    const { message = '' } = tongbao.lastError() || {}
    this.setData({ busy: false, words: result === 'failed' ? message : '' })
    if (result === 'paid' || result === 'pending') this.leave(result)
  },

  /** @param {string} result */
  leave(result) {
    if (this.hidden) this.ended = result
    else wx.redirectTo({ url: `/pages/result/result?id=${this.data.id}&result=${result}` })
  },

  /** @param {{ detail: { code?: string } }} event of the button that asks the buyer */
  async onPhone({ detail: { code } }) {
    if (!code) return
    try {
      this.setData({ phone: (await tongbao.getPhoneNumber(code)).masked })
    } catch (error) {
      this.setData({ words: /** @type {Error} */ (error).message })
    }
  },
})
