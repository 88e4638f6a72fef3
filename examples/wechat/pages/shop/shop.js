const { getMenu, placeOrder, yuan } = require('../../utils/shop')

/** @typedef {import('../../utils/shop').Drink} Drink */

Page({
  data: {
    shop: '',
    drinks: /** @type {(Drink & { yuan: string })[]} */ ([]),
    /** What is shown as the sum; the shop's server adds up again. */
    total: '',
    busy: false,
    words: '',
  },

  cart: /** @type {Record<string, number>} */ ({}),

  async onLoad() {
    this.cart = {}
    try {
      const { shop, drinks } = await getMenu()
      this.setData({ shop, drinks: drinks.map((drink) => ({ ...drink, yuan: yuan(drink.price) })) })
    } catch (error) {
      this.setData({ words: /** @type {Error} */ (error).message })
    }
  },

  /** @param {{ detail: { id: string, quantity: number } }} event */
  onChange({ detail: { id, quantity } }) {
    this.cart[id] = quantity
    const total = this.data.drinks.reduce((sum, drink) => sum + drink.price * (this.cart[drink.id] || 0), 0)
    this.setData({ total: total ? yuan(total) : '' })
  },

  async onOrder() {
    const lines = Object.entries(this.cart).map(([id, quantity]) => ({ id, quantity })).filter(({ quantity }) => quantity)
    this.setData({ busy: true, words: '' })
    try {
      const { id } = await placeOrder(lines)
      wx.navigateTo({ url: `/pages/order/order?id=${id}` })
    } catch (error) {
      this.setData({ words: /** @type {Error} */ (error).message })
    }
    this.setData({ busy: false })
  },
})
