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

  /** A page that is left waits for nothing. */
  onUnload() {
    if (this.stop) this.stop()
  },

  async onPay() {
    this.setData({ busy: true, words: '' })
    const onWaiting = (/** @type {() => void} */ stop) => {
      this.stop = stop
      this.setData({ words: '正在确认支付结果' })
    }
    const result = await tongbao.pay(this.data.id, { onWaiting })
    this.stop = null
    const { message = '' } = tongbao.lastError() || {}
    this.setData({ busy: false, words: result === 'failed' ? message : '' })
    if (result === 'paid' || result === 'pending') my.redirectTo({ url: `/pages/result/result?id=${this.data.id}&result=${result}` })
  },

  /** The buyer has agreed to the button's question. */
  async onPhone() {
    try {
      this.setData({ phone: (await tongbao.getPhoneNumber()).masked })
    } catch (error) {
      this.setData({ words: /** @type {Error} */ (error).message })
    }
  },
})
