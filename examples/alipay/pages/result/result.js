const { tongbao } = require('../../utils/tongbao')

const WORDS = /** @type {Record<string, string>} */ ({ paid: '支付成功', pending: '支付结果确认中', closed: '订单已关闭' })

Page({
  data: { id: '', result: '', words: '' },

  /** @param {{ id?: string, result?: string }} query */
  onLoad({ id = '', result = 'pending' }) {
    this.setData({ id })
    this.tell(result)
  },

  /** The buyer comes back from somewhere: perhaps it is known by now. */
  async onShow() {
    if (this.data.result === 'pending') await this.onAsk()
  },

  async onAsk() {
    try {
      const { status } = await tongbao.getOrder(this.data.id)
      if (status !== 'open') this.tell(status)
    } catch (error) {
      this.setData({ words: /** @type {Error} */ (error).message })
    }
  },

  onPayAgain() {
    my.redirectTo({ url: `/pages/order/order?id=${this.data.id}` })
  },

  onNext() {
    my.reLaunch({ url: '/pages/shop/shop' })
  },

  /** @param {string} result */
  tell(result) {
    this.setData({ result, words: WORDS[result] })
  },
})
